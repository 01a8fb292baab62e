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
from pipeline.look.choice import choose
from pipeline.runtime import params, paths
from pipeline.runtime.files import AGAIN, BadInput, read_json, readable


def rounds(
    path: Annotated[
        Path | None, typer.Argument(help="a table; default: what `dvc repro report` wrote")
    ] = None,
) -> None:
    """Show the models side by side: mIoU, lead over controls, and their labels' quality."""
    made = paths.places("report") if path is None else {"table": path}
    table, best = made["table"], made.get("best")
    if not table.exists():
        raise BadInput(f"{table}: no such file; run make demo, or dvc repro")
    console = Console(highlight=False)
    with readable(table, "a table of models", AGAIN):
        shown = _table(artifacts.read_table(table, "model"))
    console.print(shown)
    if best is not None and best.exists():
        with readable(best, "what the report says of the best model", AGAIN):
            sentence = read_json(best)["sentence"]
        console.print(sentence, markup=False)
    for line in _next(params.read()):
        console.print(line, markup=False, soft_wrap=True)


def _table(models: pd.DataFrame) -> Table:
    """As rounds.csv has them; what is over a control has a sign, and the best is marked."""
    choice, digits = choose(models), comparison.digits(models)
    best = choice.best if choice else None
    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    shown.add_column("model", overflow="fold")
    narrow = comparison.table(models)
    for column in narrow:
        heading = str(column).replace("over ", "over\n")
        widest = max(map(len, heading.split()))
        shown.add_column(heading, justify="right", overflow="fold", min_width=widest)
    shown.add_column("")
    for name, row in narrow.iterrows():
        cells = [_cell(str(column), value, digits) for column, value in row.items()]
        chosen = str(name) == best
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
