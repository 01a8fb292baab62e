"""What code a row hangs on: the files that its stages and parts import, without their comments."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rows import ROOT

STAGES = ("prepare", "source", "pretrain", "warmup", "infer", "prior", "pseudo_label", "split",
          "retrain", "evaluate")  # fmt: skip
ROOMS = ("networks", "objectives", "labelers", "rankers", "datasets", "translators")
ROOM = ROOT / "pipeline"


def code(*given: Any) -> str:
    """A digest of it, where the parts are those whose names occur in what is `given`."""
    named = {word for value in given for word in words(value)}
    parts = [path for room in ROOMS for path in (ROOM / room).glob("*.py") if path.stem in named]
    stages = [ROOM / "stages" / f"{name}.py" for name in STAGES]
    files = closure([*stages, *parts])
    each = (f"{path.relative_to(ROOM)}\n{bare(path)}" for path in sorted(files))
    return hashlib.sha256("\n".join(each).encode()).hexdigest()[:12]


def words(value: Any) -> set[str]:
    """Its strings, however deep, and the quoted ones of a repr."""
    if isinstance(value, str):
        return {value, *value.split("'")}
    if isinstance(value, Mapping):
        return {word for each in value.values() for word in words(each)}
    if isinstance(value, list | tuple):
        return {word for each in value for word in words(each)}
    return set()


def closure(paths: Iterable[Path]) -> set[Path]:
    """Files of the project that these import, and what those do."""
    seen: set[Path] = set()
    waiting = set(paths)
    while waiting:
        path = waiting.pop()
        seen.add(path)
        waiting |= imported(path) - seen
    return seen


def imported(path: Path) -> set[Path]:
    """Modules of the project, from all of a file's import statements."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    files = (ROOT / Path(*name.split(".")).with_suffix(".py") for name in names)
    return {file for file in files if ROOM in file.parents and file.is_file()}


def bare(path: Path) -> str:
    """A file's syntax tree without docstrings: what words say of it changes no result."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and is_text(body[0]):
            node.body = body[1:]  # type: ignore[attr-defined]
    return ast.dump(tree)


def is_text(node: ast.AST) -> bool:
    """A docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
