"""The model that a command is to use: a file of one, or the best by what the report found."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Annotated

import typer

from pipeline.model import model
from pipeline.runtime import names, paths
from pipeline.runtime.files import BadInput, read_json

_HELP = "a file such as models/round-3.pt, or best: the one that the report names"
Named = Annotated[Path, typer.Argument(metavar="MODEL", help=_HELP)]


def load(named: Path) -> model.Model:
    """The model of a file, or of `best`. Raises BadInput where there is none."""
    best = str(named) == names.BEST
    return model.load(_best(paths.places("report")["best"]) if best else named)


def _best(path: Path) -> Path:
    """The file beside it that what the report wrote names, which is said on stderr."""
    if not path.exists():
        raise BadInput(f"{path}: no such file, so no model is the best yet; run dvc repro report")
    found = read_json(path)
    file = found.get("file") if isinstance(found, dict) else None
    if not isinstance(file, str) or PurePath(file).name != file:
        raise BadInput(
            f"{path}: names no model, file = {file!r}; set prepare.val, evaluate.few or "
            "evaluate.signals and run dvc repro report, or name a model's file"
        )
    typer.echo(f"best is {path.with_name(file)}, chosen by {found.get('chosen_by')}", err=True)
    return path.with_name(file)
