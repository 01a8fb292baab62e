"""Progress on the terminal, and training curves on disk while they grow."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns,
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
    )


def track(items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    """`items` with a bar on stderr; a pipe gets its last state alone."""
    with _bar() as bar:
        task = bar.add_task(what, total=total, note="")
        for item in items:
            yield item
            bar.advance(task)


@contextmanager
def counter(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr that a call advances by one, from any thread."""
    with _bar() as bar:
        task = bar.add_task(what, total=total, note="")
        yield lambda: bar.advance(task)


class Log(Protocol):
    """Called after each training step."""

    def __call__(self, step: int, values: dict[str, float], /) -> None: ...  # noqa: D102


@contextmanager
def curve(path: Path, what: str, steps: int, every: int, show: bool = True) -> Iterator[Log]:
    """A Log that writes a row of means to the CSV at `path` each `every` steps, at once.

    Columns: step, lr, then the objective's terms. `show` is False in all processes but the first.
    """
    if not show:
        yield lambda *_: None
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, float]] = []
    with path.open("w", newline="") as file, _bar() as bar:
        writer = csv.writer(file, lineterminator="\n")
        task = bar.add_task(what, total=steps, note="")

        def log(step: int, values: dict[str, float]) -> None:
            if step == 0:
                writer.writerow(["step", *values])
            rows.append(values)
            bar.advance(task)
            if (step + 1) % every == 0 or step + 1 == steps:
                means = {key: sum(row[key] for row in rows) / len(rows) for key in values}
                writer.writerow([step + 1, *(f"{mean:.6g}" for mean in means.values())])
                file.flush()
                rows.clear()
                bar.update(task, note=" ".join(f"{k} {v:.3g}" for k, v in means.items()))

        yield log
