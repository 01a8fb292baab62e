"""Masks as numbers: run lengths, as all tools have them in some order, and polygons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.domain.pixels import Mask

Flags = npt.NDArray[np.bool_]


def runs(flags: Flags) -> list[int]:
    """Lengths of the runs of a flat mask, in turn off and on; only the first, off, may be 0."""
    ends = np.flatnonzero(flags[1:] != flags[:-1]) + 1
    lengths = np.diff([0, *ends, len(flags)]).tolist()
    return [0, *lengths] if len(flags) and flags[0] else lengths


def filled(lengths: Sequence[Any], size: int) -> Flags:
    """The flat mask of `size` pixels. Raises ValueError where lengths are no such runs."""
    if any(type(length) is not int or length < 0 for length in lengths):
        raise ValueError("a run is no whole number from 0 on")
    if (total := sum(lengths)) != size:
        raise ValueError(f"its runs are of {total} pixels, and the mask has {size}")
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)


def box(mask: Mask) -> tuple[int, int, int, int]:
    """Left, top, width and height of what a mask holds; it holds something."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top


def polygon(points: Sequence[tuple[float, float]], size: tuple[int, int]) -> Mask:
    """bool (height, width) of the pixels whose centres lie in a polygon, by the even-odd rule.

    points: (x, y) with (0, 0) at the outer corner of the first pixel; size: (width, height).
    """
    x, y = np.array(points, float).T
    to_x, to_y = np.roll(x, -1), np.roll(y, -1)
    mask = np.zeros(size[::-1], bool)
    for row in range(max(0, int(y.min())), min(size[1], int(np.ceil(y.max())))):
        at = row + 0.5
        crossed = (y <= at) != (to_y <= at)
        along = (at - y[crossed]) / (to_y[crossed] - y[crossed])
        sides = np.sort(x[crossed] + along * (to_x[crossed] - x[crossed]))
        ends = np.ceil(sides - 0.5).clip(0, size[0]).astype(int)
        for left, right in ends.reshape(-1, 2):
            mask[row, left:right] = True
    return mask
