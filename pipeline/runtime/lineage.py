"""What the sources and models of params.yaml are made of, one from the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.runtime.contents import Content, section_of
from pipeline.runtime.files import BadInput


class Made(NamedTuple):
    """A source or a model by its section; the two have names of their own."""

    section: str
    name: str


NONE = "none"
"""What a translation names as its segmenter that takes none: no model has that name."""

_SOURCES = ("source", "translations", "mix")
_MODELS = ("pretrain", "warmup", "mean", "rounds")


def check_sources(content: Content, path: Path) -> None:
    """No translation is made of a mix that it is in. Raises BadInput that names both."""
    for name, item in section_of(content, "translations", path).items():
        if around := circle(content, name, models=False):
            raise BadInput(
                f"{path}: translations.{name}.source = {item['source']!r}: it would be made of "
                f"itself ({' of '.join(around)}); name a source that is not made of it"
            )


def check_segmenters(content: Content, models: Sequence[str], path: Path) -> None:
    """Models that translators are trained by: known, and not made of that translation themselves.

    Raises BadInput that names both.
    """
    for name, item in section_of(content, "translations", path).items():
        given = section_of(item or {}, "fit_translator", path).get("segmenter")
        where = f"{path}: translations.{name}.fit_translator.segmenter = {given!r}"
        if given is None:
            continue  # its stage says so
        if given not in [NONE, *models]:
            raise BadInput(f"{where}: no model of that name; choose {', '.join([NONE, *models])}")
        if around := circle(content, name):
            raise BadInput(
                f"{where}: it would be made of itself ({' of '.join(around)}); name a model that "
                "does not learn from this translation"
            )


def circle(content: Content, translation: str, models: bool = True) -> list[str]:
    """How a translation would be made of itself, name by name from it to it; empty: it is not.

    By what sources are made of alone, or by `models` too.
    """
    start = Made("translations", translation)
    ways, seen = [[start]], set()
    while ways:
        way = ways.pop()
        for before in _before(content, way[-1]):
            if not models and before.section in _MODELS:
                continue
            if before == start:
                return [made.name for made in [*way, before]]
            if before not in seen:
                seen.add(before)
                ways.append([*way, before])
    return []


def _before(content: Content, made: Made) -> Iterator[Made]:
    """What a stage of this one reads of others."""
    item = section_of(content, f"{made.section}.{made.name}")
    names: list[tuple[tuple[str, ...], object]] = []
    if made.section == "translations":
        segmenter = section_of(item, "fit_translator").get("segmenter")
        names = [(_SOURCES, item.get("source")), (_MODELS, segmenter)]
    elif made.section == "mix":
        names = [(_SOURCES, item.get(role)) for role in ("one", "other")]
    else:
        names = [(_MODELS, item.get(role)) for role in ("from", "one", "other", "teacher", "start")]
        learned = section_of(item, "retrain") if made.section == "rounds" else item
        names.append((_SOURCES, learned.get("source")))
    if made.section in {"warmup", "rounds"}:
        names.append((_SOURCES, section_of(content, "prior").get("source")))
    for sections, name in names:
        if isinstance(name, str):
            yield from (Made(s, name) for s in sections if name in section_of(content, s))


def members(content: Content, name: str) -> list[str]:
    """The sources that a mix is made of in the end, in the order of their turns; or itself.

    Those of a translated mix have the translation's name before their own: `painted/game`.
    """
    if name in section_of(content, "translations"):
        of = members(content, section_of(content, f"translations.{name}")["source"])
        return [translated(name, each, len(of)) for each in of]
    item = section_of(content, "mix").get(name)
    if item is None:
        return [name]
    return [each for role in ("one", "other") for each in members(content, item[role])]


def translated(translation: str, member: str, members: int) -> str:
    """What a translation makes of a source, or of one of the `members` of a mix, is called.

    It is also the folder, beside those of sources, in which its images lie.
    """
    return translation if members == 1 else f"{translation}/{member}"


def folders(content: Content, name: str) -> list[str]:
    """The sources and translations of `members`: the stages that wrote their images."""
    return [*dict.fromkeys(each.partition("/")[0] for each in members(content, name))]
