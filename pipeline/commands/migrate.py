"""Update a params.yaml from before sources had names, or translations a segmenter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from ruamel.yaml.error import YAMLError

from pipeline.commands import _text
from pipeline.commands._layout import Layout, bases, entries
from pipeline.runtime import names, params
from pipeline.runtime.contents import overlay, section_of
from pipeline.runtime.files import BadInput, write_bytes
from pipeline.runtime.lineage import NONE

_Place = tuple[str, ...]

_EMPTY = ("translations", "mix", "mean", "panels")
"""Sections that older files lack, and that say nothing where they are empty."""


def migrate(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="a params file")] = params.FILE,
    name: Annotated[str, typer.Option(help="name of the source; default: its folder's")] = "",
) -> None:
    """Bring an older params file up to date: a source with a name, and what was added since.

    prepare.source becomes a named source, sections that are missing are added empty, and a
    translation without a segmenter gets none. The rest stays as it is. The old file is kept beside
    the new one.
    """
    content = params.parse(path)
    change = _change(content, name, path)
    if not any(change):
        typer.echo(f"{path} is up to date: nothing to do")
        return
    mark, before = _text.read(path)
    by_hand = (
        f"{path}: its layout cannot be changed line by line: prepare is in braces, or an anchor or "
        f"merge key is used elsewhere too; by hand: {'; '.join(change.words())}"
    )
    try:
        after = _rewritten(before, change, (content.get("prepare") or {}).get("minimum"))
    except (LookupError, RecursionError, ValueError, YAMLError) as error:  # no lines of its own
        raise BadInput(by_hand) from error
    _text.agree(after, migrated(content, change), by_hand)
    _text.keep(path)
    write_bytes(path.resolve(), (mark + after).encode())  # it may be a link
    done = f"names its source {change.name}" if change.name else "has what was added since"
    typer.echo(f"{path} now {done}; look at it, then run: segue check {path}")


class Change(NamedTuple):
    """What a file lacks: the source's name and where it goes, sections, and segmenters."""

    name: str  # "" where sources have names
    places: Sequence[_Place]
    sections: Sequence[str]
    segmenters: Sequence[_Place]  # the fit_translator of each

    def words(self) -> Iterator[str]:
        """What to do by hand."""
        if self.name:
            yield f"move prepare.source to source.{self.name}"
        if self.sections:
            yield f"add {', '.join(f'{section}: {{}}' for section in self.sections)}"
        if self.places:
            yield f"add source: {self.name} to {', '.join(map('.'.join, self.places))}"
        if self.segmenters:
            yield f"add segmenter: {NONE} to {', '.join(map('.'.join, self.segmenters))}"


def _change(content: Mapping[str, Any], name: str, path: Path) -> Change:
    """Raises BadInput for a file of neither form, and for names that do not fit."""
    places: list[_Place] = []
    if _is_old(content, path):
        name = name or _name(content["prepare"]["source"])
        names.check_source(name, f"{path}: source.{name} (see --name)")
        places = [*_places(content, path)]
        _check_names(content, places, name, path)
    else:
        name = ""
    sections = [section for section in _EMPTY if section not in content]
    return Change(name, places, sections, [*_unsegmented(content, path)])


def _unsegmented(content: Mapping[str, Any], path: Path) -> Iterator[_Place]:
    """Translations from before trained ones, which alone need a model, named no segmenter."""
    for name in section_of(content, "translations", path):
        names.check_name(name, f"{path}: translations.{name}")
        fit = section_of(content, f"translations.{name}.fit_translator", path)
        if fit and "segmenter" not in fit:
            yield "translations", name, "fit_translator"


def _is_old(content: Mapping[str, Any], path: Path) -> bool:
    """Raises BadInput for what is neither the older form nor the one with named sources."""
    old = "source" in section_of(content, "prepare", path)
    if old and (both := sorted(content.keys() & {"source", "translations", "mix"})):
        raise BadInput(
            f"{path}: holds prepare.source and {both[0]}, of which only older files have the first "
            "and newer ones the second; take one of them out"
        )
    if not old and "source" not in content:
        raise BadInput(f"{path}: prepare.source is missing, so there is no source to name; add it")
    if old and not isinstance(content["prepare"]["source"], Mapping | None):
        raise BadInput(f"{path}: prepare.source must be a mapping")
    return old


def _name(source: Any) -> str:
    """A name made of the last part of the source's root."""
    root = source.get("root") if isinstance(source, Mapping) else None
    return (names.fit(Path(root).name) if isinstance(root, str) else "") or "source"


def _places(content: Mapping[str, Any], path: Path) -> Iterator[_Place]:
    """What learns from the source. Raises BadInput for a name that is none."""
    for section, stage in (("pretrain", ()), ("warmup", ()), ("rounds", ("retrain",))):
        for name in section_of(content, section, path):
            names.check_name(name, f"{path}: {section}.{name}")
            yield section, name, *stage
    yield ("prior",)


def _check_names(content: Mapping[str, Any], places: list[_Place], name: str, path: Path) -> None:
    """Raises BadInput where a place is missing, or names another source."""
    for *above, last in places:
        holder = section_of(content, ".".join(above), path) if above else content
        where = ".".join([*above, last])
        if last not in holder:
            raise BadInput(
                f"{path}: {where} is missing; write {last}: {{}} there, and run it again"
            )
        if (given := section_of(content, where, path).get("source", name)) != name:
            raise BadInput(
                f"{path}: {where}.source = {given!r}, but prepare.source is to be {name!r}; choose "
                f"one of the two: --name {given}, or another value there"
            )


def migrated(content: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """The content with its source under its name, and named in each place, and what it lacks.

    How many good images each domain must have is a source's own, so it goes along.
    """
    new = {**content, **{section: {} for section in change.sections}}
    if change.name:
        prepare = dict(content["prepare"])
        source = prepare.pop("source")
        if (minimum := prepare.get("minimum")) is not None:
            source = {**(source or {}), "minimum": minimum}
        new |= {"source": {change.name: source}, "prepare": prepare}
    for place in change.places:
        new = overlay(new, _at(place, "source", change.name))
    for place in change.segmenters:
        new = overlay(new, _at(place, "segmenter", NONE))
    return new


def _at(place: _Place, key: str, value: str) -> dict[str, Any]:
    change: dict[str, Any] = {key: value}
    for above in reversed(place):
        change = {above: change}
    return change


def _rewritten(text: str, change: Change, minimum: Any) -> str:
    """The text with what it lacks; what it says is still to be compared."""
    layout = Layout(text)
    lines = [line for section in change.sections for line in (f"{section}: {{}}", "")]
    if change.name:
        lines = [_moved(layout, change.name, minimum), *lines]
    if lines:
        layout.insert("prepare", layout.end.join([*lines, ""]))
    _put(layout, change.places, f"source: {_text.quoted(change.name or NONE)}", behind="from")
    _put(layout, change.segmenters, f"segmenter: {NONE}", behind="translator")
    return layout.changed()


def _moved(layout: Layout, name: str, minimum: Any) -> str:
    """The section of the source, which is taken out of prepare."""
    section = layout.end.join(["source:", layout.cut("prepare", "source", _text.quoted(name))])
    if minimum is None:
        return section
    moved = Layout(section)
    moved.put(moved.entry(("source", name)), f"minimum: {minimum}", behind="height")
    return moved.changed()


def _put(layout: Layout, places: Sequence[_Place], pair: str, behind: str) -> None:
    """A pair in each place that has no such key, nor takes it from one of the others."""
    found = {id(entry.value): entry for entry in map(layout.entry, places)}  # an alias: once
    for entry in found.values():
        inherits = any(id(base) in found for base in bases(entry.value))
        if not inherits and pair.partition(":")[0] not in entries(entry.value):
            layout.put(entry, pair, behind)
