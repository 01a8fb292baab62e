"""Check all of params.yaml before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.checks import networks, plan, sources, translators
from pipeline.review import verdicts
from pipeline.runtime import names, params, parts, paths
from pipeline.runtime.contents import section_of
from pipeline.runtime.files import BadInput
from pipeline.sections import (
    evaluate,
    evaluate_translation,
    fit_translator,
    gallery,
    generate,
    infer,
    mean,
    mix,
    panels,
    prepare,
    pretrain,
    prior,
    pseudo_label,
    retrain,
    source,
    split,
    train_translator,
    translate,
    warmup,
)

_OF_ROUNDS: dict[str, tuple[type[params.Section], tuple[str, ...]]] = {
    "infer": (infer.Params, ("infer",)),
    "pseudo_label": (pseudo_label.Params, ("pseudo_label",)),
    "split": (split.Params, ("split",)),
    "retrain": (retrain.Params, ("training", "retrain")),
    "evaluate": (evaluate.Params, ("evaluate",)),
    "gallery": (gallery.Params, ("gallery",)),
}
_ITEMS: dict[str, tuple[type[params.Section], tuple[str, ...]]] = {
    "source": (source.Params, ()),
    "mix": (mix.Params, ()),
    "generate": (generate.Params, ()),
    "pretrain": (pretrain.Params, ("training",)),
    "warmup": (warmup.Params, ("training",)),
    "mean": (mean.Params, ()),
}
"""Sections of items: what one is, and what it is laid over."""

_OF_TRANSLATIONS: dict[str, type[params.Section]] = {
    "fit_translator": fit_translator.Params,
    "translate": translate.Params,
    "evaluate_translation": evaluate_translation.Params,
}
_SECTIONS = (
    *("seed", "compute", "generate", "source", "translations", "mix", "prepare"),
    *("network", "training"),
    *("pretrain", "warmup", "mean", "prior", "panels"),
    *(*_OF_ROUNDS, "rounds"),
)
_NAMED = {"pseudo_label": "labeler", "split": "ranker", "retrain": "objective"}
"""Parts that dvc.yaml looks up in the round itself, so that it tracks their files."""

_ROOMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "labeler": ("labelers", ("classes", "portion", "prior")),
    "ranker": ("rankers", ()),
    "objective": ("objectives", ("classes", "k", "shares", "features", "sources")),
    "reader": ("datasets", ("root", "classes")),
    "name": ("networks", ("classes",)),
    "translator": ("translators", ("classes", "segmenter", "sources")),
}
"""The field that names a part: its room, and what a stage supplies beside the options."""


def check(
    path: Annotated[Path, typer.Argument(help="the params file")] = params.FILE,
) -> None:
    """Check every section, item, part and option of params.yaml, and list all mistakes.

    For the project's own params.yaml, people's verdicts on its rounds are checked too.
    """
    content = params.read(path)
    if problems := [f"{path}: {problem}" for problem in _mappings(content)]:
        raise BadInput("\n".join(problems))  # the rest reads them
    problems = [f"{path}: {problem}" for problem in _shape(content)]
    for model, sections in _sections(content):
        try:
            found = params.load(model, *sections, path=path)
        except BadInput as error:
            problems.append(str(error))
        else:
            own = () if model is train_translator.Params else _parts(found, sections[-1])
            problems += [f"{path}: {problem}" for problem in own]
    unfit = [
        line for of in (plan, sources, networks, translators) for line in of.contradictions(content)
    ]
    problems += [f"{path}: {problem}" for problem in unfit]
    if path == params.FILE and paths.FILE.exists():
        problems += _reviews(section_of(content, "rounds"))
    if problems:
        raise BadInput("\n".join(dict.fromkeys(problems)))
    typer.echo(f"{path}: every section, item, part and option is in order")


def _reviews(rounds: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with people's verdicts on the rounds of this folder."""
    labels = {name: paths.places("pseudo_label", name)["labels"] for name in rounds}
    for name in [*rounds][:1]:  # all rounds' lie in one folder
        yield from verdicts.problems(paths.places("split", name)["review"], labels)


def _mappings(content: Mapping[str, Any]) -> Iterator[str]:
    """Sections and stages of rounds that are something else; nothing counts as empty."""
    found = {key: value for key, value in content.items() if key in _SECTIONS and key != "seed"}
    for name, item in section_of(content, "rounds").items():
        found |= {f"rounds.{name}.{stage}": item.get(stage) for stage in _OF_ROUNDS}
    for name, item in section_of(content, "translations").items():
        found |= {f"translations.{name}.{s}": item.get(s) for s in _OF_TRANSLATIONS}
    for where, value in found.items():
        if not isinstance(value, Mapping | None):
            yield f"{where} must be a mapping, not {value!r}"


def _shape(content: Mapping[str, Any]) -> Iterator[str]:
    """Keys that no stage reads, and those that dvc.yaml needs."""
    yield from _keys("", content, _SECTIONS)
    if "precision" not in (content.get("compute") or {}):
        yield "compute.precision is missing; DVC tracks it, such as auto"
    for section in ("pretrain", "warmup"):
        for name, item in (content.get(section) or {}).items():
            if "steps" not in (item or {}):
                yield f"{section}.{name}.steps is missing; name them in the item itself"
    for where, given in names.uses(content):
        if given is None:
            known = ", ".join(
                key for section in names.SOURCES for key in content.get(section) or {}
            )
            yield f"{where}.source is missing; name one in the item itself: {known}"
    yield from _stages(content)


def _stages(content: Mapping[str, Any]) -> Iterator[str]:
    """Of the items that have a mapping for each of their stages."""
    for name, item in (content.get("translations") or {}).items():
        yield from _keys(f"translations.{name}.", item, ("source", *_OF_TRANSLATIONS))
    for name, item in (content.get("rounds") or {}).items():
        where = f"rounds.{name}."
        yield from _keys(where, item, ("teacher", "start", *_OF_ROUNDS))
        for stage, field in _NAMED.items():
            if field not in (item.get(stage) or {}):
                yield f"{where}{stage}.{field} is missing; name it in the round itself"


def _keys(where: str, found: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[str]:
    for key in found:
        if key not in known:
            yield f"{where}{key}: no such key; choose {', '.join(known)}"
    for key in known:
        if key not in found:
            yield f"{where}{key} is missing; DVC tracks it, empty or not"


def _parts(found: params.Section, section: str) -> Iterator[str]:
    """What is wrong with the parts that a section chooses, and with their options."""
    holders: dict[str, Any] = {section: found, "network": getattr(found, "network", None)}
    holders |= {f"{section}.{role}": getattr(found, role, None) for role in names.DOMAINS}
    for where, holder in holders.items():
        for field, (room, context) in _ROOMS.items():
            if isinstance(name := getattr(holder, field, None), str):
                try:
                    parts.check_options(room, name, holder.options, *context)
                except BadInput as error:
                    yield from (f"{where}: {line}" for line in str(error).splitlines())


def _sections(content: Mapping[str, Any]) -> Iterator[tuple[type[params.Section], tuple[str, ...]]]:
    yield prepare.Params, ("prepare",)
    yield prior.Params, ("prior",)
    yield panels.Params, ("panels",)
    for section, (model, under) in _ITEMS.items():
        for name in content.get(section) or {}:
            yield model, (*under, f"{section}.{name}")
    for name in content.get("translations") or {}:
        for stage, model in _OF_TRANSLATIONS.items():
            yield model, (f"translations.{name}.{stage}",)
        where = f"translations.{name}.fit_translator"
        if section_of(content, where).get("training") is not None:
            yield train_translator.Params, (where, f"{where}.training")
    for name in content.get("rounds") or {}:
        for stage, (model, sections) in _OF_ROUNDS.items():
            yield model, (*sections, f"rounds.{name}.{stage}")
