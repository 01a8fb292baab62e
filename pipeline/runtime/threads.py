"""Work on many images at once, in order, with few of them in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def on_all_cores(work: Callable[[Item], Result], things: Sequence[Item]) -> Iterable[Result]:
    """Results in the order of `things`; a bounded number in memory."""
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        ahead = [pool.submit(work, thing) for thing in things[: 2 * workers]]
        for i in range(len(things)):
            yield ahead.pop(0).result()
            if (following := i + 2 * workers) < len(things):
                ahead.append(pool.submit(work, things[following]))
