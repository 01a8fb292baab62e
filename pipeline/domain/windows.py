"""Where a map's cells or a crop lie in an image, and how much of each cell is at a place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Window = tuple[float, float, float, float]
"""Left, top, right and bottom as fractions of an image's sides; beyond 0 and 1 where it is larger.

A map that covers a window has cells of equal size in it, and each is centred in its own.
"""

WHOLE: Window = (0.0, 0.0, 1.0, 1.0)
"""The image itself: cells with half-pixel centres."""


def covered(
    cells: Sequence[int],
    size: Sequence[int],
    step: float,
    first: tuple[float, float] | None = None,
) -> Window:
    """The window of a map whose cell i is centred on pixel first + step * i of either side.

    `cells` (h, w) and `size` (H, W) of the image; `first` is of rows and columns, pixels are
    counted from 0. Without it cells fill the image from its corner on, as those of pooling do.
    """
    low = [
        (at + 0.5 - step / 2) / side for at, side in zip(first or _corner(step), size, strict=True)
    ]
    high = [at + step * n / side for at, n, side in zip(low, cells, size, strict=True)]
    return low[1], low[0], high[1], high[0]


def _corner(step: float) -> tuple[float, float]:
    return (step - 1) / 2, (step - 1) / 2


def centres(
    window: Window, cells: Sequence[int], size: Sequence[int]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """First and step in pixels, each of rows and columns: what `covered` makes a window of."""
    left, top, right, bottom = window
    sides = ((top, bottom, cells[0], size[0]), (left, right, cells[1], size[1]))
    steps = [(high - low) * side / n for low, high, n, side in sides]
    firsts = [side[0] * side[3] + step / 2 - 0.5 for side, step in zip(sides, steps, strict=True)]
    return (firsts[0], firsts[1]), (steps[0], steps[1])


def mirrored(window: Window) -> Window:
    """Of a map that was turned left to right with its image."""
    left, top, right, bottom = window
    return 1 - right, top, 1 - left, bottom


def same_padding(length: int, halvings: int) -> float:
    """The pixel under the first cell after `halvings` strides of 2 that pad as TensorFlow does.

    An even side is padded at its end alone, an odd one at both: cells move with the image's size.
    Kernels are odd. For a timm network whose name begins with `tf_`.
    """
    first, step = 0.0, 1.0
    for _ in range(halvings):
        first += step * (length % 2 == 0)
        length, step = -(-length // 2), 2 * step
    return first


def weights(
    cells: int, covers: tuple[float, float], count: int, onto: tuple[float, float]
) -> npt.NDArray[np.float64]:
    """How much of each of a side's `cells` is in each of `count` others: (count, cells).

    Bilinear; where the others are larger, over as much as they are (the antialiasing filter of
    Pillow and torch). `covers` and `onto`: where the cells and the others begin and end. Places
    beyond the outermost centres have the outermost value.
    """
    places = onto[0] + (onto[1] - onto[0]) * (np.arange(count) + 0.5) / count
    at = (places - covers[0]) / (covers[1] - covers[0]) * cells
    wide = max(1.0, (onto[1] - onto[0]) * cells / (count * (covers[1] - covers[0])))
    apart = np.abs(at.clip(0.5, cells - 0.5)[:, None] - (np.arange(cells) + 0.5))
    found = np.maximum(0.0, 1 - apart / wide)
    shares: npt.NDArray[np.float64] = found / found.sum(1, keepdims=True)
    return shares
