"""Progress while it is made: items, calls, and training curves on disk while they grow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pipeline.runtime.display import Show, display
from pipeline.runtime.files import writable

Item = TypeVar("Item")


def track(items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    """`items`, and how many of them were handed over: who has the last asks for no more."""
    with display(what, total) as show:
        for done, item in enumerate(items, 1):
            show(done, None)
            yield item


@contextmanager
def counter(what: str, total: int) -> Iterator[Callable[[], None]]:
    """What a call advances by one, from any thread."""
    guard, done = threading.Lock(), 0

    def step() -> None:
        nonlocal done
        with guard:
            done += 1
            show(done, None)

    with display(what, total) as show:
        yield step


class Log(Protocol):
    """Called after each training step."""

    def __call__(self, step: int, values: dict[str, float], /) -> None: ...  # noqa: D102


class Curve:
    """A Log that adds a row of means to the CSV at `path` each `every` steps, at once.

    Columns: step, lr, then the objective's terms. Its state is what stands in the file, and the
    rows that wait for their mean. `shown(step, note)` is told of each step.
    """

    def __init__(self, path: Path, steps: int, every: int, shown: Show) -> None:
        self.path, self.steps, self.every, self.shown = path, steps, every, shown
        self.text = ""
        self.rows: list[dict[str, float]] = []

    def __call__(self, step: int, values: dict[str, float], /) -> None:
        """One more step's values."""
        if step == 0:
            self._write(",".join(["step", *values]) + "\n")
        self.rows.append(values)
        note = None
        if (step + 1) % self.every == 0 or step + 1 == self.steps:
            count = len(self.rows)
            means = {key: sum(row[key] for row in self.rows) / count for key in values}
            self._write(",".join([str(step + 1), *(f"{m:.6g}" for m in means.values())]) + "\n")
            self.rows.clear()
            note = " ".join(f"{key} {mean:.3g}" for key, mean in means.items())
        self.shown(step + 1, note)

    def state_dict(self) -> dict[str, Any]:
        """As `load_state_dict` takes it, in another process."""
        return {"text": self.text, "rows": list(self.rows)}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """The file is what it was then."""
        self.text, self.rows = "", list(state["rows"])
        self._write(state["text"])

    def end(self) -> None:
        """Of no step there is an empty file."""
        if not self.text:
            self._write("")

    def _write(self, more: str) -> None:
        with writable(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            mode = "a" if self.text else "w"
            with self.path.open(mode, newline="", encoding="utf-8") as file:
                file.write(more)
        self.text += more


@contextmanager
def curve(path: Path, what: str, steps: int, every: int, show: bool = True) -> Iterator[Log]:
    """A Curve that is shown as it grows. `show` is False in all processes but the first."""
    if not show:
        yield lambda *_: None
        return
    with display(what, steps) as shown:
        made = Curve(path, steps, every, shown)
        yield made
        made.end()
