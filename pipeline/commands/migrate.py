"""Update a params.yaml from before sources had names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from ruamel.yaml.error import YAMLError

from pipeline.commands import _text
from pipeline.commands._layout import Layout, bases, entries
from pipeline.runtime import names, params
from pipeline.runtime.contents import overlay, section_of
from pipeline.runtime.files import BadInput, write_bytes

_Place = tuple[str, ...]


def migrate(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="a params file")] = params.FILE,
    name: Annotated[str, typer.Option(help="name of the source; default: its folder's")] = "",
) -> None:
    """Turn prepare.source of an older params file into a named source; the rest stays as it is.

    The old file is kept beside the new one.
    """
    content = params.parse(path)
    if not _is_old(content, path):
        typer.echo(f"{path} already names its sources: nothing to do")
        return
    name = name or _name(content["prepare"]["source"])
    names.check_name(name, f"{path}: source.{name}")
    places = [*_places(content, path)]
    _check_names(content, places, name, path)
    mark, before = _text.read(path)
    by_hand = (
        f"{path}: its layout cannot be changed line by line: prepare is in braces, or an anchor or "
        f"merge key is used elsewhere too; by hand: move prepare.source to source.{name}, add "
        f"translations: {{}} and mix: {{}}, and add source: {name} to "
        f"{', '.join(map('.'.join, places))}"
    )
    try:
        after = _rewritten(before, places, name, content["prepare"].get("minimum"))
    except (LookupError, RecursionError, ValueError, YAMLError) as error:  # no lines of its own
        raise BadInput(by_hand) from error
    _text.agree(after, migrated(content, places, name), by_hand)
    _text.keep(path)
    write_bytes(path.resolve(), (mark + after).encode())  # it may be a link
    typer.echo(f"{path} now names its source {name}; look at it, then run: segue check {path}")


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


def migrated(content: Mapping[str, Any], places: list[_Place], name: str) -> dict[str, Any]:
    """The content with its source under `name`, and named in each of `places`.

    How many good images each domain must have is a source's own, so it goes along.
    """
    prepare = dict(content["prepare"])
    source = prepare.pop("source")
    if (minimum := prepare.get("minimum")) is not None:
        source = {**(source or {}), "minimum": minimum}
    new = {**content, "source": {name: source}, "translations": {}, "mix": {}, "prepare": prepare}
    for place in places:
        change: dict[str, Any] = {"source": name}
        for key in reversed(place):
            change = {key: change}
        new = overlay(new, change)
    return new


def _rewritten(text: str, places: list[_Place], name: str, minimum: Any) -> str:
    """The text with the source moved and named; what it says is still to be compared."""
    layout = Layout(text)
    key = _text.quoted(name)
    section = layout.end.join(["source:", layout.cut("prepare", "source", key)])
    if minimum is not None:
        moved = Layout(section)
        moved.put(moved.entry(("source", name)), f"minimum: {minimum}", behind="height")
        section = moved.changed()
    layout.insert("prepare", layout.end.join([section, "translations: {}", "", "mix: {}", "", ""]))
    found = {id(entry.value): entry for entry in map(layout.entry, places)}  # an alias: once
    for entry in found.values():
        inherits = any(id(base) in found for base in bases(entry.value))
        if not inherits and "source" not in entries(entry.value):
            layout.put(entry, f"source: {key}", behind="from")
    return layout.changed()
