"""Results as they are found, in a file that a run goes on from; jobs beside each other."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from pipeline.runtime import process
from pipeline.runtime.files import write_bytes

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "benchmarks" / "results"
Row = dict[str, Any]


class Rows:
    """The rows of `results/<name>.json`, sorted by the values of `keys`. Jobs may add at once."""

    def __init__(self, name: str, *keys: str) -> None:
        self.path, self.keys = FOLDER / f"{name}.json", keys

    def read(self) -> list[Row]:
        """All rows so far."""
        return json.loads(self.path.read_text()) if self.path.exists() else []

    def append(self, rows: list[Row]) -> None:
        """More of them, on disk at once."""
        self.replace(rows, lambda _: False)

    def replace(self, rows: list[Row], old: Callable[[Row], bool]) -> None:
        """More of them, in place of the `old` ones."""
        with alone():
            both = [*(row for row in self.read() if not old(row)), *rows]
            both.sort(key=lambda row: [row[key] for key in self.keys])
            write_bytes(self.path, (json.dumps(both, indent=1) + "\n").encode())


@contextmanager
def alone(lock: Path = ROOT / "data" / "ablation" / "lock") -> Iterator[None]:
    """Jobs share a folder of worlds and models, and files of rows."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def side_by_side(processes: int, work: Callable[..., None], jobs: list[tuple[Any, ...]]) -> None:
    """So many at a time, each by itself; where one fails, the others that wait are not begun."""
    alike = {"mp_context": get_context("spawn"), "initializer": process.die_with_stage}
    with ProcessPoolExecutor(processes, **alike) as pool:
        try:
            for done in as_completed([pool.submit(work, *job) for job in jobs]):
                done.result()
        finally:
            pool.shutdown(cancel_futures=True)
