"""How far a stage has come, as a progress artifact on its run: by its lines, or by its curve."""

from __future__ import annotations

import csv
import re
import time
from pathlib import Path
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from pipeline.flow.graph import Stage, key
from pipeline.flow.show import duration, escape, rounded

_LINE = re.compile(r"(?P<what>\S.*?): (?P<share>\d{1,3}) % \((?P<done>\d+) of (?P<total>\d+)\), ")
"""As pipeline/runtime says it where there is no terminal, the time that is left behind it."""


class Progress:
    """Of one stage; `hear` each of its lines, and `update` now and then."""

    def __init__(self, root: Path, stage: Stage) -> None:
        self._stage = stage
        self._path = root / stage.curve if stage.curve else None
        self._artifact: UUID | None = None
        self._shown = ""
        self._first: tuple[int, float] | None = None

    def hear(self, line: str) -> None:
        """Show what a line says of how far a loop has come; others say nothing of it."""
        if found := _LINE.match(line):
            self._show(float(found["share"]), f"{self._stage.name}: {line}")

    def update(self) -> None:
        """Show the last row of the stage's curve, if there is a new one, and the time left."""
        row = last(self._path) if self._path and self._path.is_file() else {}
        step = row.pop("step", "")
        if not step.isdigit() or step == self._shown:
            return
        self._shown = step
        total, now = self._stage.steps, time.monotonic()
        self._first = self._first or (int(step), now)
        terms = [f"{name} {_number(value)}" for name, value in row.items()]
        reached = f"step {step} of {total or 'unknown'}{self._left(int(step), now)}"
        share = min(100.0, 100 * int(step) / total) if total else 0.0
        self._show(share, f"{self._stage.name}: {'; '.join([reached, *terms])}")

    def _left(self, step: int, now: float) -> str:
        """By the steps since the first that was seen; nothing at that one, and at the end."""
        total, (first, began) = self._stage.steps or 0, self._first or (step, now)
        if not first < step < total:
            return ""
        return f", {duration((now - began) / (step - first) * (total - step))} left"

    def _show(self, share: float, note: str) -> None:
        told = escape(note)
        if self._artifact is None:
            name = f"progress-{key(self._stage.name)}"
            self._artifact = cast(UUID, create_progress_artifact(share, key=name, description=told))
        else:
            update_progress_artifact(self._artifact, share, description=told)


def _number(text: str) -> str:
    try:
        return str(rounded(float(text)))
    except (OverflowError, ValueError):
        return text


def last(path: Path) -> dict[str, str]:
    """The last whole row of a CSV that another process may be writing."""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
    header, *rows = csv.reader(lines or [""])
    return dict(zip(header, rows[-1], strict=False)) if rows else {}
