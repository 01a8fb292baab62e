"""How far something has come: a bar on a terminal, and elsewhere a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

EVERY = 30.0
"""Seconds after which there is another line, however little was done."""

_SHARE = 0.05  # of all that is to do, after which there is one sooner,
_WIDTH = 100  # characters of a line: what an objective with many terms says is cut
_SOONEST = 2.0  # but not within so many seconds: a loop of a moment has one line

Show = Callable[[int, str | None], None]
"""Is told how much is done, and what is to be said of it; None: what was said last."""


class _Note(ProgressColumn):
    """What is said of it; the only column that gives way where the terminal is narrow."""

    def render(self, task: Task) -> Text:
        """The note on one line."""
        return Text(task.fields["note"], no_wrap=True, overflow="ellipsis")


@contextmanager
def _bar(what: str, total: int) -> Iterator[Show]:
    columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), _Note(), console=console) as bar:
        task = bar.add_task(what, total=total, note="")

        def show(done: int, note: str | None) -> None:
            bar.update(task, completed=done)
            if note is not None:
                bar.update(task, note=note)

        yield show


class Lines:
    """A line on stderr each 30 seconds or 5 %, and one at the end: for files, pipes and CI."""

    def __init__(self, what: str, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.what, self.total, self.clock = what, total, clock
        self.note = ""
        self.began = self.last = clock()
        self.first: int | None = None  # a run that goes on does not begin at nothing
        self.told = 0

    def __call__(self, done: int, note: str | None) -> None:
        """Says it if it is time."""
        self.note = self.note if note is None else note
        if self.first is None:
            self.first = self.told = done - 1
        quiet = self.clock() - self.last
        more = done - self.told >= _SHARE * self.total
        if done == self.total or quiet >= EVERY or (quiet >= _SOONEST and more):
            self._say(done)

    def _say(self, done: int) -> None:
        now = self.clock()
        spent, made = now - self.began, done - (self.first or 0)
        left = f"{duration(spent / made * (self.total - done))} left"
        when = f"in {duration(spent)}" if done == self.total else left
        note = f"; {self.note}" if self.note else ""
        share = f"{100 * done // self.total} % ({done} of {self.total})"
        line = f"{self.what}: {share}, {when}{note}"
        line = line if len(line) <= _WIDTH else f"{line[: _WIDTH - 2]} …"
        print(line, file=sys.stderr, flush=True)
        self.last, self.told = now, done


def duration(seconds: float) -> str:
    """In words, as exact as an estimate is: 40 s, 12 min, 3 h 20 min, 2 d 4 h."""
    whole = round(seconds)
    minutes = round(seconds / 60)
    hours = minutes // 60
    if whole < 2 * 60:
        return f"{whole} s"
    if hours < 2:  # noqa: PLR2004
        return f"{minutes} min"
    if hours < 2 * 24:
        return f"{hours} h {minutes % 60} min"
    return f"{hours // 24} d {hours % 24} h"


class _Hidden:
    """Whether nothing is shown: what is measured, or is a part of something else, is silent."""

    now = False


@contextmanager
def hidden() -> Iterator[None]:
    """Shows nothing meanwhile."""
    before, _Hidden.now = _Hidden.now, True
    try:
        yield
    finally:
        _Hidden.now = before


@contextmanager
def display(what: str, total: int) -> Iterator[Show]:
    """Shows how far `what` has come of `total`, as it is told."""
    if _Hidden.now:
        yield lambda *_: None
    elif sys.stderr.isatty():
        with _bar(what, total) as show:
            yield show
    else:
        yield Lines(what, total)
