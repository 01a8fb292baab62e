"""One function for each of many things: on this machine's cores, or on a cluster's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from pipeline.runtime import cluster, threads
from pipeline.runtime.compute import Compute

Item = TypeVar("Item")
Result = TypeVar("Result")
Counts = npt.NDArray[np.int64]

TOGETHER = 8
"""Things in one task of a cluster: some tenths of a second of work, and a multiple of nothing."""


def each(
    work: Callable[[Item], Result],
    things: Sequence[Item],
    where: str | None = None,
    device: Compute | None = None,
) -> Iterator[Result]:
    """Results in the order of `things`, of which a bounded number is in memory.

    By threads of this machine; `where` compute.cluster names one, by processes there, which are
    sent `work` once and get the things in fixed batches. `device`: of work with a network, which
    then has a device in each process.
    """
    if where is None:
        yield from threads.on_all_cores(work, things)
        return
    own, batches = _Each(work), _cut(things)
    sent = (
        cluster.tasks(own, batches, where)
        if device is None
        else cluster.actors(own, batches, device)
    )
    for results in sent:
        yield from results


def counted(
    work: Callable[[Item, Counts], Result],
    things: Sequence[Item],
    total: Counts,
    where: str | None = None,
) -> Iterator[Result]:
    """`each`, of work that also counts; `total` gets the sum, of whatever has been counted where.

    Integers are added, so that their order changes nothing.
    """
    if where is not None:
        for found in cluster.tasks(_Counted(work, total.shape), _cut(things), where):
            total.reshape(-1)[found.places] += found.counts
            yield from found.results
        return
    free: list[Counts] = []  # counts of a thread's own

    def one(thing: Item) -> Result:
        try:
            own = free.pop()
        except IndexError:
            own = np.zeros_like(total)
        try:
            return work(thing, own)
        finally:
            free.append(own)

    yield from threads.on_all_cores(one, things)
    for own in free:
        total += own


def sweep(folders: Sequence[Path]) -> None:
    """Removes what processes of a cluster that ended left half-written, once all work is done."""
    for folder in folders:
        for left in folder.rglob(".*.partial"):
            left.unlink(missing_ok=True)


def _cut(things: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (things[at : at + TOGETHER] for at in range(0, len(things), TOGETHER))


@dataclass(frozen=True)
class _Each(Generic[Item, Result]):
    work: Callable[[Item], Result]

    def __call__(self, things: Sequence[Item]) -> list[Result]:
        return [self.work(thing) for thing in things]


class _Batch(NamedTuple, Generic[Result]):
    """Results, and where something was counted, and how much: of a histogram that is little."""

    results: list[Result]
    places: npt.NDArray[np.int64]
    counts: Counts


@dataclass(frozen=True)
class _Counted(Generic[Item, Result]):
    work: Callable[[Item, Counts], Result]
    shape: tuple[int, ...]

    def __call__(self, things: Sequence[Item]) -> _Batch[Result]:
        own = np.zeros(self.shape, np.int64)
        results = [self.work(thing, own) for thing in things]
        places = np.flatnonzero(own)
        return _Batch(results, places, own.ravel()[places])
