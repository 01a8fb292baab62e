"""Whether what params.yaml says of a translation fits its translator."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from pipeline.runtime import parts
from pipeline.runtime.contents import Content, section_of
from pipeline.runtime.files import BadInput
from pipeline.runtime.lineage import NONE


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
    if trained and fit.get("references", "random") != "random":
        yield f"{where}.fit_translator.references: {name} has none; take it out"
    yield from _segmenter(f"{where}.fit_translator.segmenter", part, name, fit.get("segmenter"))
    copies = section_of(content, f"{where}.translate").get("copies", 1)
    if trained and not part.varies and copies != 1:
        yield f"{where}.translate.copies: of {name} each copy is the same; set it to 1"


def _segmenter(where: str, part: Any, name: str, given: Any) -> Iterator[str]:
    asks = "segmenter" in inspect.signature(part).parameters
    if asks and given == NONE:
        yield f"{where} = {NONE}: {name} needs a model to look at its translations; name one"
    if not asks and given not in {NONE, None}:
        yield f"{where} = {given}: {name} looks at images alone; set it to {NONE}"
