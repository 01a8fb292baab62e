"""Show the models side by side, the best marked, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.domain import artifacts
from pipeline.look import comparison
from pipeline.runtime import params
from pipeline.runtime.files import BadInput


def rounds(
    path: Annotated[Path, typer.Argument(help="what `dvc repro report` wrote")] = Path(
        "reports/rounds.csv"
    ),
) -> None:
    """Show the models side by side: mIoU, over the controls, coverage and precision of labels."""
    if not path.exists():
        raise BadInput(f"{path}: no such file; run make demo, or dvc repro")
    models = artifacts.read_table(path, "model")
    console = Console(highlight=False)
    digits = comparison.DIGITS.get(comparison.measure(models) or "", 2)
    console.print(_table(comparison.table(models), comparison.best(models), digits))
    for line in _next(params.read()):
        console.print(line, markup=False, soft_wrap=True)


def _table(models: pd.DataFrame, best: str | None, digits: int) -> Table:
    """`digits`: of what models are compared by; what is over a control has a sign."""
    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    shown.add_column("model", overflow="fold")
    for column in models:
        heading = str(column).replace("over ", "over\n")
        widest = max(map(len, heading.split()))
        shown.add_column(heading, justify="right", overflow="fold", min_width=widest)
    shown.add_column("")
    for name, row in models.iterrows():
        cells = [_cell(str(column), value, digits) for column, value in row.items()]
        chosen = name == best
        style = "bold" if chosen else None
        shown.add_row(str(name), *cells, "best" if chosen else "", style=style)
    return shown


def _cell(column: str, value: float, digits: int) -> str:
    if pd.isna(value):
        return ""
    if column in comparison.LABELS:
        return f"{value:.2f}"
    return f"{value:{'+' if column.startswith('over ') else ''}.{digits}f}"


def _next(content: dict[str, Any]) -> Iterator[str]:
    """Three steps; the last is of the second round, or of the only one."""
    yield "What next, after `. .venv/bin/activate`:"
    yield "1. Look at each image in each round:"
    yield "     make look"
    yield "2. Keep this run, so that `dvc metrics diff` has something to compare with:"
    yield "     git add dvc.lock params.yaml && git commit -m 'First run'"
    names = [*(content.get("rounds") or {})][:2]
    if names:
        yield f"3. Change {names[-1]} in params.yaml, such as its portion, and run what follows:"
        yield "     segue check && dvc repro && dvc metrics diff"
