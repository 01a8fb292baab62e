"""Sections of a file that was read, laid over one another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.runtime.files import BadInput

FILE = Path("params.yaml")

Content = Mapping[str, Any]


def overlay(under: Content, over: Content) -> dict[str, Any]:
    """`over` on top of `under`, mapping by mapping."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = overlay(below, value) if both else value  # type: ignore[arg-type]
    return merged


def section_of(content: Content, section: str, path: Path = FILE) -> Content:
    """`section` (dotted), empty where it is missing. Raises BadInput where it is no mapping."""
    found = content
    for key in section.split("."):
        value = found.get(key)
        if not isinstance(value, Mapping | None):
            raise BadInput(f"{path}: {section} must be a mapping, not {value!r}")
        found = value or {}
    return found


def check_round(content: Content, name: str, path: Path = FILE) -> None:
    """Raises BadInput for what is none of the rounds, with those that there are."""
    if name not in (known := section_of(content, "rounds", path)):
        choices = f"choose {', '.join(known)}" if known else "there are none yet"
        raise BadInput(f"{path}: rounds.{name}: no such round; {choices}")
