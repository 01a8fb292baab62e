"""Names that params.yaml gives: of models, worlds and sources."""

from __future__ import annotations

import re

from pipeline.runtime.files import BadInput

LONGEST = 100


def check(name: object, where: str) -> None:
    """Raises BadInput, which begins with `where`, for a name that fits no file and no command."""
    if not isinstance(name, str):
        raise BadInput(f"{where}: DVC ignores names that are not strings; quote it")
    if not re.fullmatch(r"\w[\w-]*", name) or len(name) > LONGEST:
        raise BadInput(
            f"{where}: names name files, and are words of commands; use letters, digits, '-' and "
            f"'_', the first no '-', at most {LONGEST}"
        )


def fit(text: str) -> str:
    """A name like the text, or nothing where it has no letter, digit or '_'."""
    return re.sub(r"[^\w-]+", "-", text).strip("-")[:LONGEST]
