"""Class thresholds over a whole set of images: exact, in constant memory, on all cores.

Two sweeps over the scores: coarse bins of them all, then what is in the bin that holds a threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from pipeline.inference.fused import COARSE, FINE, refine, tally
from pipeline.inference.labelling import NOTHING, Floats, Measured
from pipeline.runtime import work

Counts = npt.NDArray[np.int64]
Image = TypeVar("Image")
Measure = Callable[[Image], Measured]
Image_co = TypeVar("Image_co", covariant=True)


class Images(Protocol[Image_co]):
    """What can be read by index from any thread: a list, or predictions on disk."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Image_co: ...


@dataclass(frozen=True)
class Seen:
    """Over the pixels of each image and predicted class, arrays (images, classes)."""

    predicted: Counts  # how many
    confidence: npt.NDArray[np.float64]  # the sum of their exp(-k)
    entropy: npt.NDArray[np.float64]  # their summed entropies, in nats

    def of(self, images: slice) -> Seen:
        """Those of some images."""
        return Seen(self.predicted[images], self.confidence[images], self.entropy[images])


def thresholds(
    images: Images[Image],
    measure: Measure[Image],
    pools: npt.NDArray[np.int64],
    portion: float,
    step: Callable[[], None] = lambda: None,
    where: str | None = None,
) -> tuple[Floats, Seen]:
    """k of each class, float32 (C), and what was seen on the way.

    A pool's k is the floor(N * portion)-th smallest of its N scores: exactly what sorting all of
    them gives. NOTHING where that rank is 0. `measure` gives an image's classes uint8, k and
    entropy float32, all of one shape (rows, columns); it is called twice for each image, `where`
    compute.cluster says. `pools` int64 (C): 0 for all classes (ST) or each its own.
    """
    shape = (int(pools.max()) + 1, COARSE)
    own, all_images = partial(_measured, images, measure), range(len(images))
    counts, seen = np.zeros(shape, np.int64), np.zeros((len(images), 3, len(pools)))
    coarse = partial(_coarse, own, pools)
    for index, sums in enumerate(work.counted(coarse, all_images, counts, where)):
        seen[index] = sums
        step()
    total = counts.sum(1)
    rank = np.floor(total * portion).astype(np.int64)
    bins, before = _locate(counts, rank)
    counts = np.zeros((len(counts), FINE), np.int64)
    for _ in work.counted(partial(_fine, own, pools, bins), all_images, counts, where):
        step()
    low, _ = _locate(counts, rank - before)
    k = ((bins << 16) | low).astype(np.uint32).view(np.float32)
    found = Seen(seen[:, 0].astype(np.int64), seen[:, 1], seen[:, 2])
    return np.where(rank > 0, k, NOTHING)[pools], found


def _measured(images: Images[Image], measure: Measure[Image], index: int) -> Measured:
    return measure(images[index])


def _coarse(
    measured: Callable[[int], Measured], pools: Counts, index: int, counts: Counts
) -> npt.NDArray[np.float64]:
    sums = np.zeros((3, len(pools)))
    tally(pools, *measured(index), counts, sums)
    return sums


def _fine(
    measured: Callable[[int], Measured], pools: Counts, bins: Counts, index: int, counts: Counts
) -> None:
    predicted, k, _ = measured(index)
    refine(pools, predicted, k, bins, counts)


def _locate(counts: Counts, rank: Counts) -> tuple[Counts, Counts]:
    """For each row the bin that holds its rank-th entry, and how many come before that bin."""
    cumulated = counts.cumsum(1)
    bins = np.array([np.searchsorted(row, r) for row, r in zip(cumulated, rank, strict=True)])
    bins = np.minimum(bins, counts.shape[1] - 1)
    rows = np.arange(len(bins))
    return bins, cumulated[rows, bins] - counts[rows, bins]
