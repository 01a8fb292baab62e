"""Add new rounds that continue from an earlier round."""

from __future__ import annotations

import io
from collections.abc import Mapping
from copy import deepcopy
from typing import Annotated, Any

import typer
from ruamel.yaml import YAML

from pipeline.commands import _text
from pipeline.runtime import contents, names, params
from pipeline.runtime.files import BadInput, write_bytes

_WIDTH, _ENDLESS = 110, 1 << 20  # of a line that is written


def branch(
    origin: Annotated[str, typer.Argument(metavar="ROUND", help="the round to continue from")],
    name: Annotated[str, typer.Argument(metavar="NEW_NAME", help="name of the new round")],
    rounds: Annotated[int, typer.Option(min=1, help="how many: NEW_NAME-1, -2, ...")] = 1,
) -> None:
    """Add rounds to params.yaml; an earlier round's model is the teacher and start of the first."""
    content = params.read()
    new = made(content, origin, name, rounds)
    mark, before = _text.read(params.FILE)
    text = added(before, new)
    refusal = f"{params.FILE}: its layout cannot be added to; add the rounds by hand"
    _text.agree(text, {**content, "rounds": {**content["rounds"], **new}}, refusal)
    write_bytes(params.FILE.resolve(), (mark + text).encode())  # it may be a link
    typer.echo(
        f"params.yaml now has {', '.join(new)} after {origin}, with the settings of the rounds "
        "that followed it so far; edit these, then run: segue check && dvc repro"
    )


def made(content: Mapping[str, Any], origin: str, name: str, count: int) -> dict[str, Any]:
    """The new rounds by name. Raises BadInput for an unknown round and for a name that is taken.

    Each has the settings of the round as far behind `origin` as it is, or of the last there is.
    """
    existing = content.get("rounds") or {}
    contents.check_round(content, origin)
    new: dict[str, Any] = {}
    like, teacher = origin, origin
    for own in [name] if count == 1 else [f"{name}-{n + 1}" for n in range(count)]:
        like = next((r for r in existing if existing[r]["teacher"] == like), like)
        item = deepcopy(existing[like])
        # one that starts afresh each time goes on doing so, but for the first
        if not new or item["start"] == item["teacher"]:
            item["start"] = teacher
        new[own] = {**item, "teacher": teacher}
        teacher = own
    for section in names.MODELS:
        if taken := sorted(new.keys() & (content.get(section) or {}).keys()):
            raise BadInput(f"{params.FILE}: {section}.{taken[0]} is there already; choose a name")
    names.check({**content, "rounds": {**existing, **new}}, params.FILE)
    return new


def added(text: str, new: Mapping[str, Any]) -> str:
    """params.yaml with rounds behind its own; every other line stays as it was written."""
    yaml = _yaml()
    content = yaml.load(text)
    rounds = content["rounds"]
    if rounds.fa.flow_style():  # one mapping on one line: nothing to add lines to
        rounds.update(new)
        return _dumped(yaml, content).replace("\n", _text.line_end(text))
    keys = list(content)
    after = keys[keys.index("rounds") + 1 :]
    lines = text.split("\n")
    end = content.lc.key(after[0])[0] if after else len(lines)
    while not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#"):
        end -= 1  # comments above the next section are its own
    column = rounds.lc.col
    ends = _text.line_end(text).removesuffix("\n")
    lines[end - 1] = lines[end - 1].removesuffix(ends) + ends  # it may have been the last
    own = [line + ends for name, item in new.items() for line in _lines(name, item, column)]
    return "\n".join([*lines[:end], *own, *(lines[end:] or [""])])


def _lines(name: str, item: Any, column: int) -> list[str]:
    """A round as the presets write it: its name, and below it one mapping in braces."""
    yaml = _yaml(width=_ENDLESS)
    yaml.default_flow_style = True
    body = [""]
    for key, value in item.items():  # a line ends between two stages, never within one
        part = _dumped(yaml, {key: value}).strip()[1:-1] + ", "
        if len(body[-1]) + len(part) + column > _WIDTH:
            body.append("")
        body[-1] += part
    first, *others = (line.rstrip() for line in body)
    indent = " " * (column + 2)
    text = "\n".join([f"{indent}{{{first}", *(f"{indent} {line}" for line in others)])
    return [f"{' ' * column}{_text.quoted(name)}:", *f"{text.rstrip(',')}}}".splitlines()]


def _yaml(width: int = _WIDTH) -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = width
    return yaml


def _dumped(yaml: YAML, content: Any) -> str:
    sink = io.StringIO()
    yaml.dump(content, sink)
    return sink.getvalue()
