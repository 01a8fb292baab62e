"""Class thresholds over a whole set of images: exact, in constant memory, on all cores.

Two sweeps over the scores: coarse bins of them all, then what is in the bin that holds a threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.inference.fused import COARSE, FINE, refine, tally
from pipeline.inference.labelling import NOTHING, Floats, Measured
from pipeline.runtime.threads import Image, Images, Result, on_all_cores

Counts = npt.NDArray[np.int64]

Measure = Callable[[Image], Measured]


@dataclass(frozen=True)
class Seen:
    """Over the pixels of each image and predicted class, arrays (images, classes)."""

    predicted: Counts  # how many
    confidence: npt.NDArray[np.float64]  # the sum of their exp(-k)
    entropy: npt.NDArray[np.float64]  # their summed entropies, in nats


def thresholds(
    images: Images[Image],
    measure: Measure[Image],
    pools: npt.NDArray[np.int64],
    portion: float,
    step: Callable[[], None] = lambda: None,
) -> tuple[Floats, Seen]:
    """k of each class, float32 (C), and what was seen on the way.

    A pool's k is the floor(N * portion)-th smallest of its N scores: exactly what sorting all of
    them gives. NOTHING where that rank is 0. `measure` gives an image's classes uint8, k and
    entropy float32, all of one shape (rows, columns); it is called twice for each image. `pools`
    int64 (C): 0 for all classes (ST) or each its own.
    """
    size = int(pools.max()) + 1

    def coarse(image: Image, counts: Counts) -> npt.NDArray[np.float64]:
        sums = np.zeros((3, len(pools)))
        tally(pools, *measure(image), counts, sums)
        step()
        return sums

    counts = np.zeros((size, COARSE), np.int64)
    seen = np.array(list(_counted(coarse, images, counts))).reshape(-1, 3, len(pools))
    total = counts.sum(1)
    rank = np.floor(total * portion).astype(np.int64)
    bins, before = _locate(counts, rank)

    def fine(image: Image, counts: Counts) -> None:
        predicted, k, _ = measure(image)
        refine(pools, predicted, k, bins, counts)
        step()

    counts = np.zeros((size, FINE), np.int64)
    list(_counted(fine, images, counts))
    low, _ = _locate(counts, rank - before)
    k = ((bins << 16) | low).astype(np.uint32).view(np.float32)
    found = Seen(seen[:, 0].astype(np.int64), seen[:, 1], seen[:, 2])
    return np.where(rank > 0, k, NOTHING)[pools], found


def _locate(counts: Counts, rank: Counts) -> tuple[Counts, Counts]:
    """For each row the bin that holds its rank-th entry, and how many come before that bin."""
    cumulated = counts.cumsum(1)
    bins = np.array([np.searchsorted(row, r) for row, r in zip(cumulated, rank, strict=True)])
    bins = np.minimum(bins, counts.shape[1] - 1)
    rows = np.arange(len(bins))
    return bins, cumulated[rows, bins] - counts[rows, bins]


def _counted(
    work: Callable[[Image, Counts], Result], images: Images[Image], total: Counts
) -> Iterator[Result]:
    """Results in order; `total` gets the sum of what `work` adds to counts of its own thread."""
    free: list[Counts] = []

    def one(image: Image) -> Result:
        try:
            own = free.pop()
        except IndexError:
            own = np.zeros_like(total)
        try:
            return work(image, own)
        finally:
            free.append(own)

    yield from on_all_cores(one, images)
    for own in free:
        total += own
