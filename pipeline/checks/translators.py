"""Whether what params.yaml says of a translation fits its translator."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.runtime import parts
from pipeline.runtime.contents import Content, section_of
from pipeline.runtime.files import BadInput
from pipeline.runtime.lineage import NONE, members


def check(content: Content, name: str) -> None:
    """Raises BadInput with all that contradicts itself in one translation."""
    if problems := list(_translation(f"translations.{name}", content)):
        raise BadInput("\n".join(f"params.yaml: {problem}" for problem in problems))


def contradictions(content: Content) -> Iterator[str]:
    """One line for each, of all translations."""
    for name in section_of(content, "translations"):
        yield from _translation(f"translations.{name}", content)


def _translation(where: str, content: Content) -> Iterator[str]:
    fit, name = section_of(content, f"{where}.fit_translator"), ""
    try:
        name = str(fit.get("translator"))
        part = parts.find("translators", name)
    except BadInput:
        return  # its stage says so
    trained, training = getattr(part, "trained", False), fit.get("training")
    if trained and training is None:
        yield (
            f"{where}.fit_translator.training is missing: {name} is trained; give it steps, and "
            "augment with the size of its crops"
        )
    if not trained and training is not None:
        yield f"{where}.fit_translator.training: {name} is measured, not trained; take it out"
    if trained and isinstance(training, Mapping):
        yield from _training(f"{where}.fit_translator", training, content)
    if trained and fit.get("references", "random") != "random":
        yield f"{where}.fit_translator.references: {name} has none; take it out"
    if getattr(part, "several", False):
        yield from _several(where, name, content)
    yield from _segmenter(f"{where}.fit_translator.segmenter", part, name, fit)
    yield from _means(where, part, content)
    copies = section_of(content, f"{where}.translate").get("copies", 1)
    mean = not trained and fit.get("references") == "mean"
    if (trained or mean) and not part.varies and copies != 1:
        of = f"{name} with references = mean" if mean else name
        yield f"{where}.translate.copies: of {of} each copy is the same; set it to 1"


_ELSEWHERE = {
    **dict.fromkeys(("translator", "options", "references", "segmenter"), "fit_translator"),
    "source": "the translation",
}
"""What would be laid over the section that `translate` reads, and where it belongs."""


def _training(fit: str, training: Content, content: Content) -> Iterator[str]:
    """What a training takes from elsewhere, what would do nothing in it, and what draws apart."""
    where = f"{fit}.training"
    for key, place in _ELSEWHERE.items():
        if key in training:
            yield f"{where}.{key}: belongs to {place} itself; move it there"
    if training.get("frozen_norm"):
        yield f"{where}.frozen_norm = true: generators have no batch norm; set it to false"
    if mine := section_of(content, f"{where}.augment").get("mine"):
        yield f"{where}.augment.mine = {mine}: only a round has classes to mine; set it to 0"
    if training.get("sampling") is not None and section_of(content, f"{fit}.options").get(
        "matched"
    ):
        yield (
            f"{where}.sampling: draws crops of the source anew, and options.matched = true is to "
            "have the target's at their places; take one of the two out"
        )


def _several(where: str, translator: str, content: Content) -> Iterator[str]:
    """What learns from several sources at once, with one or in too small a batch."""
    source = section_of(content, where).get("source")
    batch = section_of(content, f"{where}.fit_translator.training").get("batch", 1)
    if not (isinstance(source, str) and isinstance(batch, int)):
        return  # its stage says so
    sources = len(members(content, source))
    if sources < 2:  # noqa: PLR2004
        yield (
            f"{where}.source = {source}: is a single one, and {translator} learns from several at "
            "once; name a mix"
        )
    elif batch < sources:
        yield (
            f"{where}.fit_translator.training.batch = {batch}: has no image of each of the "
            f"{sources} sources, as {translator} needs; raise it to {sources} or more"
        )


def _means(where: str, part: Any, content: Content) -> Iterator[str]:
    """Means of two models, where one network's features are looked at."""
    fit, judge = (
        section_of(content, f"{where}.{stage}")
        for stage in ("fit_translator", "evaluate_translation")
    )
    looking = {
        "fit_translator.segmenter": fit.get("segmenter") if hasattr(part, "asks") else None,
        "evaluate_translation.model": None if judge.get("features") else judge.get("model"),
    }
    for key, given in looking.items():
        if given in section_of(content, "mean"):
            yield (
                f"{where}.{key} = {given}: is a mean of two models, and features are one "
                "network's; name one of the two"
            )


def _segmenter(where: str, part: Any, name: str, fit: Content) -> Iterator[str]:
    """A model that is lacking, or that nothing looks by: `asks` of a part tells by its options."""
    given, options = fit.get("segmenter"), fit.get("options") or {}
    asks, alone, instead = "segmenter" in inspect.signature(part).parameters, "at images alone", ""
    if hasattr(part, "asks") and isinstance(options, Mapping):
        asks, alone = part.asks(options), "by its backbone alone"
        instead = ", or give options.extractor a backbone"
    if asks and given == NONE:
        yield (
            f"{where} = {NONE}: {name} needs a model to look at its translations; name one{instead}"
        )
    if not asks and given not in {NONE, None}:
        yield f"{where} = {given}: {name} looks {alone}; set it to {NONE}"
