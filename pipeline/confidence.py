"""Upsampling, softmax, score and label fused per pixel; thresholds exact in constant memory.

The score of a pixel is k = -log max_c p_c >= 0 (small is sure), so that a class threshold
k_c = -log lambda_c is the CBST paper's (Zou et al., 2018). With a_c the upsampled logits and
m = max_c a_c, k = log(1 + sum of exp(a_c - m) over the other classes): exact where p is
within 1e-7 of 1, where 1 - p and p itself are not. k is float32, whose bits sort like its value:
the upper 16 bits are the coarse bin, the lower 16 refine the one that holds the threshold.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import numba
import numpy as np
import numpy.typing as npt

from pipeline.samples import Pixels

Floats = npt.NDArray[np.float32]
Counts = npt.NDArray[np.int64]

_COARSE = 1 << 15  # non-negative float32: the sign bit is always 0
_FINE = 1 << 16
NOTHING = np.float32(0)
"""k of lambda = 1: no pixel of a softmax reaches it."""

_compile = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})


@_compile
def _exp(x):  # type: ignore[no-untyped-def]
    """exp(x) for x <= 0 in float32, a polynomial that LLVM vectorises; 2 ulp, 0 below -87."""
    x = max(np.float32(x), np.float32(-87.0))
    n = np.floor(x * np.float32(1.44269504) + np.float32(0.5))
    r = x - n * np.float32(0.693359375) + n * np.float32(2.12194440e-4)
    p = np.float32(1.9875691e-4)
    p = p * r + np.float32(1.3981999e-3)
    p = p * r + np.float32(8.3334519e-3)
    p = p * r + np.float32(4.1665796e-2)
    p = p * r + np.float32(1.6666666e-1)
    p = p * r + np.float32(0.5)
    p = p * r * r + r + np.float32(1.0)
    return p * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)


@_compile
def _places(length: int, cells: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Left cell and weight of the right one for each pixel: bilinear with half-pixel centres."""
    left = np.empty(length, np.int64)
    weight = np.empty(length, np.float32)
    for i in range(length):
        at = max((i + 0.5) * cells / length - 0.5, 0.0)
        left[i] = min(int(at), cells - 1)
        weight[i] = np.float32(at - left[i])
    return left, weight


@_compile
def _row(grid, y, weight, x_left, x_weight, line, out):  # type: ignore[no-untyped-def]
    """One row of upsampled logits: grid (C, h, w) -> out (C, W), by way of line (w + 1)."""
    classes, rows, cells = grid.shape
    below = min(y + 1, rows - 1)
    for c in range(classes):
        for x in range(cells):
            upper, lower = grid[c, y, x], grid[c, below, x]
            line[x] = upper + weight * (lower - upper)
        line[cells] = line[cells - 1]
        for x in range(out.shape[1]):
            a = line[x_left[x]]
            out[c, x] = a + x_weight[x] * (line[x_left[x] + 1] - a)


@_compile
def _softmax(row, best, k, spread):  # type: ignore[no-untyped-def]
    """argmax, k and the sum of p_c (m - a_c) of each pixel of a row (C, W)."""
    classes, width = row.shape
    top = row[0].copy()
    best[:] = 0
    for c in range(1, classes):
        for x in range(width):
            higher = row[c, x] > top[x]
            top[x] = row[c, x] if higher else top[x]
            best[x] = np.uint8(c) if higher else best[x]
    k[:] = 0
    spread[:] = 0
    for c in range(classes):
        for x in range(width):
            gap = top[x] - row[c, x]
            e = _exp(-gap) if best[x] != c else np.float32(0)
            k[x] += e
            spread[x] += e * gap
    for x in range(width):
        others = k[x]
        k[x] = np.float32(np.log1p(others))
        spread[x] /= np.float32(1) + others
    return top


@_compile
def measure(grid, height, width):  # type: ignore[no-untyped-def]
    """Class, score and entropy of each pixel of an image.

    grid: logits float32 (C, h, w). Returns predicted uint8 (height, width), k float32
    (height, width), entropy float32 (height, width) in nats.
    """
    predicted = np.empty((height, width), np.uint8)
    k = np.empty((height, width), np.float32)
    entropy = np.empty((height, width), np.float32)
    y_cell, y_weight = _places(height, grid.shape[1])
    x_cell, x_weight = _places(width, grid.shape[2])
    row = np.empty((grid.shape[0], width), np.float32)
    line = np.empty(grid.shape[2] + 1, np.float32)
    for y in range(height):
        _row(grid, y_cell[y], y_weight[y], x_cell, x_weight, line, row)
        _softmax(row, predicted[y], k[y], entropy[y])
        for x in range(width):
            entropy[y, x] += k[y, x]
    return predicted, k, entropy


@_compile
def weighted_argmax(grid, height, width, thresholds):  # type: ignore[no-untyped-def]
    """CBST's labels uint8 (height, width): argmax_c p_c / lambda_c where that is >= 1, else 255.

    thresholds: k_c = -log lambda_c float32 (C). A pixel whose k equals k_c is kept.
    """
    labels = np.empty((height, width), np.uint8)
    y_cell, y_weight = _places(height, grid.shape[1])
    x_cell, x_weight = _places(width, grid.shape[2])
    classes = grid.shape[0]
    row = np.empty((classes, width), np.float32)
    line = np.empty(grid.shape[2] + 1, np.float32)
    k, spread, value = np.empty((3, width), np.float32)
    for y in range(height):
        _row(grid, y_cell[y], y_weight[y], x_cell, x_weight, line, row)
        top = _softmax(row, labels[y], k, spread)
        for x in range(width):
            value[x] = row[labels[y, x], x] + thresholds[labels[y, x]]
        for c in range(classes):
            for x in range(width):
                higher = row[c, x] + thresholds[c] > value[x]
                value[x] = row[c, x] + thresholds[c] if higher else value[x]
                labels[y, x] = np.uint8(c) if higher else labels[y, x]
        for x in range(width):
            c = labels[y, x]
            if not (top[x] - row[c, x]) + k[x] <= thresholds[c] or thresholds[c] <= 0:
                labels[y, x] = 255
    return labels


@_compile
def count(pools, predicted, k, coarse):  # type: ignore[no-untyped-def]
    """Adds an image's scores to coarse int64 (pools, 2^15); `pools` maps class -> pool."""
    bits = k.view(np.uint32)
    for y in range(k.shape[0]):
        for x in range(k.shape[1]):
            coarse[pools[predicted[y, x]], bits[y, x] >> 16] += 1


@_compile
def refine(pools, predicted, k, bins, fine):  # type: ignore[no-untyped-def]
    """Adds the scores of one coarse bin a pool to fine int64 (pools, 2^16)."""
    bits = k.view(np.uint32)
    for y in range(k.shape[0]):
        for x in range(k.shape[1]):
            pool = pools[predicted[y, x]]
            if bits[y, x] >> 16 == bins[pool]:
                fine[pool, bits[y, x] & 0xFFFF] += 1


Image = TypeVar("Image")
Found_co = TypeVar("Found_co", covariant=True)
Scores = Callable[[Image], tuple[Pixels, Floats]]


class Images(Protocol[Found_co]):
    """What can be read by index from any thread: a list, or predictions on disk."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Found_co: ...


def thresholds(
    images: Images[Image],
    scores: Scores[Image],
    pools: npt.NDArray[np.int64],
    portion: float,
    step: Callable[[], None] = lambda: None,
) -> tuple[Floats, Counts]:
    """k of each class, float32 (C), and the pixels predicted of each pool, int64 (pools).

    A pool's k is the floor(N * portion)-th smallest of its N scores: exactly what sorting all of
    them gives. NOTHING where that rank is 0. `scores` gives an image's classes uint8 and k float32;
    it is called twice for each image. `pools` int64 (C): 0 for all classes (ST) or each its own.
    """
    size = int(pools.max()) + 1

    def coarse(image: Image) -> Counts:
        found = np.zeros((size, _COARSE), np.int64)
        count(pools, *scores(image), found)
        step()
        return found

    counts = _sum(coarse, images, (size, _COARSE))
    total = counts.sum(1)
    rank = np.floor(total * portion).astype(np.int64)
    bins, before = _locate(counts, rank)

    def fine(image: Image) -> Counts:
        found = np.zeros((size, _FINE), np.int64)
        refine(pools, *scores(image), bins, found)
        step()
        return found

    low, _ = _locate(_sum(fine, images, (size, _FINE)), rank - before)
    k = ((bins << 16) | low).astype(np.uint32).view(np.float32)
    return np.where(rank > 0, k, NOTHING)[pools], total


def _locate(counts: Counts, rank: Counts) -> tuple[Counts, Counts]:
    """For each row the bin that holds its rank-th entry, and how many come before that bin."""
    cumulated = counts.cumsum(1)
    bins = np.array([np.searchsorted(row, r) for row, r in zip(cumulated, rank, strict=True)])
    bins = np.minimum(bins, counts.shape[1] - 1)
    rows = np.arange(len(bins))
    return bins, cumulated[rows, bins] - counts[rows, bins]


def _sum(work: Callable[[Image], Counts], images: Images[Image], shape: tuple[int, int]) -> Counts:
    total = np.zeros(shape, np.int64)
    for found in on_all_cores(work, images):
        total += found
    return total


Result = TypeVar("Result")


def on_all_cores(work: Callable[[Image], Result], images: Images[Image]) -> Iterable[Result]:
    """Results in the order of `images`, a bounded number of them in memory."""
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        ahead = [pool.submit(work, images[i]) for i in range(min(2 * workers, len(images)))]
        for i in range(len(images)):
            yield ahead.pop(0).result()
            if (following := i + 2 * workers) < len(images):
                ahead.append(pool.submit(work, images[following]))
