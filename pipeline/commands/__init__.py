"""What people run beside the pipeline, a module each: `segue --help`.

Imports any room but flow, and a module only when its command is asked for: help is quick.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from pipeline.runtime import process

_HELP = "Prepare params.yaml, and use the trained models. `dvc repro` runs the pipeline."
_ORDER = (
    *("own", "preset", "check", "branch", "cost", "rounds", "review", "annotate"),
    *("label", "score", "export"),
)


def app(words: Sequence[str]) -> typer.Typer:
    """The command line, of whose commands only the one that `words` ask for is imported."""
    found = typer.Typer(help=_HELP, no_args_is_help=True, add_completion=False)
    asked = next((word for word in words if not word.startswith("-")), None)
    for name in (*_ORDER, *sorted(_modules() - {*_ORDER})):
        if name == asked:
            made = getattr(importlib.import_module(f"{__name__}.{name}"), name)
            if isinstance(made, typer.Typer):
                found.add_typer(made, name=name)
            else:
                found.command()(made)
        else:
            found.command(name, help=_summary(name))(lambda: None)
    return found


def _modules() -> set[str]:
    found = {module.name for module in pkgutil.iter_modules(__path__)}
    return {name for name in found if not name.startswith("_")}  # which is what commands share


def _summary(name: str) -> str:
    """The first line of a command's module, which is read and not run."""
    text = (Path(__path__[0]) / f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").splitlines()[0]


def main() -> None:
    """The console script."""
    words = sys.argv[1:]
    with process.one_message():
        app(words)(words)
