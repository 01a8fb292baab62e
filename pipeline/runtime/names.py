"""What params.yaml names: sources and models, each after what it is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.runtime import lineage
from pipeline.runtime.contents import Content, section_of
from pipeline.runtime.files import BadInput

MODELS = ("pretrain", "warmup", "mean", "rounds")
"""Sections that name models, in the order in which they may build on each other."""

SOURCES = ("source", "translations", "mix")
"""Sections that name sources, in that order too, but that a mix may be translated."""

DOMAINS = ("target", "val")
"""What `prepare` reads beside the sources."""

PREPARED = (*DOMAINS, "target_truth")
"""What `prepare` makes: no source has such a name."""

BEST = "best"
"""What commands call the model that the report found best: none has that name."""

JUDGES = ("model", "adapted")
"""Models that `evaluate_translation` names: of the source alone, and one that knows the target."""

_RESERVED = {BEST: "what commands call the best model", lineage.NONE: "what stands for no model"}

_ROLES = {
    "warmup": ("from",), "mean": ("one", "other"), "rounds": ("teacher", "start"),
    "translations": ("source",), "mix": ("one", "other"),
}  # fmt: skip


def check(content: Content, path: Path) -> None:
    """Names fit files and occur once; what an item names comes before it. Raises BadInput."""
    if "source" in section_of(content, "prepare", path):
        raise BadInput(
            f"{path}: prepare.source: sources have names now, and each model says which it learns "
            "from; run `segue migrate`, which rewrites the file and keeps its comments"
        )
    for name, _ in _items(content, "generate", path):
        check_name(name, f"{path}: generate.{name}")
    sources = _check_kind(content, SOURCES, "source", path)
    lineage.check_sources(content, path)
    _check_mixes(content, path)
    models = _check_kind(content, MODELS, "model", path)
    _check_starts(content, path)
    _check_judges(content, models, path)
    lineage.check_segmenters(content, models, path)
    for where, given in uses(content):
        if given is not None and given not in sources:
            known = ", ".join(sources) or "none yet: source has none"
            raise BadInput(
                f"{path}: {where}.source = {given!r}: no source of that name; choose {known}"
            )


def _items(content: Content, section: str, path: Path) -> Iterator[tuple[Any, Content]]:
    """Name and item; one that is nothing is empty. Raises BadInput for any that is no mapping."""
    for name, item in section_of(content, section, path).items():
        if not isinstance(item, Mapping | None):
            raise BadInput(f"{path}: {section}.{name} must be a mapping, not {item!r}")
        yield name, item or {}


def _check_kind(content: Content, sections: tuple[str, ...], kind: str, path: Path) -> list[str]:
    """The names of the sections, which are all of one kind."""
    known: list[str] = []
    mixes = [*section_of(content, "mix", path)]
    for section in sections:
        for name, item in _items(content, section, path):
            where = f"{path}: {section}.{name}"
            check_name(name, where)
            if name in known:
                raise BadInput(f"{where}: another {kind} has this name; choose a new one")
            if kind == "source":
                check_source(name, where)
            if kind == "model" and name in _RESERVED:
                raise BadInput(f"{where}: is {_RESERVED[name]}; choose another name")
            for role in _ROLES.get(section, ()):
                before = [*known, *mixes] if known and section == "translations" else known
                if (given := item.get(role)) not in before:
                    raise BadInput(
                        f"{where}.{role} = {given!r}: no {kind} of that name comes before it; "
                        f"choose {', '.join(before) or f'none yet: {sections[0]} has none'}"
                    )
            known.append(name)
    return known


def _check_mixes(content: Content, path: Path) -> None:
    for name in section_of(content, "mix", path):
        found = lineage.members(content, name)
        if twice := [each for each in found if found.count(each) > 1]:
            raise BadInput(
                f"{path}: mix.{name}: has {twice[0]} twice; its sources take equal turns, "
                "so name each once"
            )


def check_several(objective: str, sources: int, batch: int, share: float) -> None:
    """That so many sources all have a sample in each batch. Raises BadInput where they have not."""
    if sources < 2:  # noqa: PLR2004
        raise BadInput(
            f"source: is a single one, and {objective} learns from several at once; name a mix"
        )
    if round(batch * share) < sources:
        raise BadInput(
            f"batch = {batch}: its source_share of {share} has no image of each of the {sources} "
            f"sources, as {objective} needs; raise one of them"
        )


def _check_starts(content: Content, path: Path) -> None:
    for name, item in section_of(content, "rounds", path).items():
        if (start := item["start"]) in section_of(content, "mean", path):
            raise BadInput(
                f"{path}: rounds.{name}.start = {start!r}: is a mean of two models, which cannot "
                "be trained; start from one of them, and name the mean as teacher"
            )


def _check_judges(content: Content, models: list[str], path: Path) -> None:
    """The models that look at what a translation did."""
    for name, item in _items(content, "translations", path):
        judging = section_of(item, "evaluate_translation", path)
        for role in JUDGES:
            if (given := judging.get(role)) not in models:
                raise BadInput(
                    f"{path}: translations.{name}.evaluate_translation.{role} = {given!r}: no "
                    f"model of that name; choose {', '.join(models) or 'none yet: there is none'}"
                )


def ancestry(content: Content, name: str) -> list[str]:
    """A round and the rounds it descends from by its teachers, the oldest first."""
    rounds = content.get("rounds") or {}
    chain: list[str] = []
    while name in rounds:
        chain.append(name)
        name = rounds[name]["teacher"]
    return chain[::-1]


def uses(content: Content) -> Iterator[tuple[str, Any]]:
    """Where a source is to be named (`pretrain.<model>`, `prior`), and which is; None: none."""
    for section in ("pretrain", "warmup"):
        for name, item in section_of(content, section).items():
            yield f"{section}.{name}", _source_of(item)
    for name, item in section_of(content, "rounds").items():
        yield f"rounds.{name}.retrain", _source_of((item or {}).get("retrain"))
    yield "prior", _source_of(content.get("prior"))


def learned_from(content: Content) -> dict[str, Any]:
    """The source of each model that names one."""
    named = {where: given for where, given in uses(content) if given is not None}
    return {where.split(".")[1]: given for where, given in named.items() if "." in where}


def _source_of(item: Any) -> Any:
    """What is no mapping is told of elsewhere."""
    return item.get("source") if isinstance(item, Mapping) else None


LONGEST = 100


def check_name(name: object, where: str) -> None:
    """Raises BadInput, which begins with `where`, for a name that fits no file and no command."""
    if not isinstance(name, str):
        raise BadInput(f"{where}: DVC ignores names that are not strings; quote it")
    if not re.fullmatch(r"\w[\w-]*", name) or len(name) > LONGEST:
        raise BadInput(
            f"{where}: names name files, and are words of commands; use letters, digits, '-' and "
            f"'_', the first no '-', at most {LONGEST}"
        )


def check_source(name: object, where: str) -> None:
    """Raises BadInput for a name that fits no source: of no file, or of what `prepare` makes."""
    check_name(name, where)
    if name in PREPARED:
        raise BadInput(f"{where}: is what prepare makes; choose another name")


def fit(text: str) -> str:
    """A name like the text, or nothing where it has no letter, digit or '_'."""
    return re.sub(r"[^\w-]+", "-", text).strip("-")[:LONGEST]
