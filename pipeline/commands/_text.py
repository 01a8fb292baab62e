"""A params file as text: a command that changes some of it leaves the rest as it was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain, count
from pathlib import Path
from typing import Any

import typer
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.runtime.files import BadInput, write_bytes

_MARK = "\ufeff"  # of byte order, as some editors set it


def read(path: Path) -> tuple[str, str]:
    """The byte order mark, or nothing, and what follows it with line ends as they are."""
    text = path.read_bytes().decode()
    return (_MARK, text[1:]) if text.startswith(_MARK) else ("", text)


def line_end(text: str) -> str:
    """What ends the text's lines."""
    return "\r\n" if "\r\n" in text else "\n"


def quoted(name: str) -> str:
    """A name as YAML reads it as text: in quotes where it would be a number, a date or the like."""
    text = YAML(typ="safe", pure=True).compose(name).tag == "tag:yaml.org,2002:str"
    return name if text else f"'{name}'"


def agree(text: str, expected: Mapping[str, Any], refusal: str) -> None:
    """Raises BadInput with `refusal` where the text says anything but `expected`."""
    try:
        same = YAML(typ="safe").load(text) == expected
    except (RecursionError, ValueError, YAMLError):
        same = False
    if not same:
        raise BadInput(refusal)


def put(path: Path, new: bytes, presets: Iterable[Path]) -> None:
    """Writes a params file; what was there is kept beside it, unless a preset is the same."""
    if path.exists() and not path.is_file():
        raise BadInput(f"{path}: is no file; move it away, or work in the project's folder")
    old = path.read_bytes() if path.exists() else new
    if old not in [new, *(preset.read_bytes() for preset in presets if preset.is_file())]:
        keep(path)
    write_bytes(path.resolve(), new)


def keep(path: Path) -> None:
    """Copies what is there beside it, under a name that no file has: what was kept stays."""
    first = path.with_suffix(f".previous{path.suffix}")
    numbered = (first.with_stem(f"{first.stem}-{number}") for number in count(2))
    kept = next(name for name in chain([first], numbered) if not name.exists())
    write_bytes(kept, path.read_bytes())
    typer.echo(f"the old {path} is now {kept}")
