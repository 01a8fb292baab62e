"""SLIC superpixels: small regions of one colour, which an editor of labels fills at once."""

from __future__ import annotations

import numba
import numpy as np
from PIL import Image, ImageFilter

from pipeline.domain.pixels import Pixels

_COMPACT = 20.0  # of colours 0 to 255: how far one cell's way counts; the paper has 10 in CIELAB
_BLUR = 1.0  # pixels, not from the paper: noise would make borders rough
_REPEATS = 5  # the paper has 10; the borders hardly move after five
_PART = 4  # what is smaller than this part of a cell joins its neighbour, as in the paper
_EACH = 4  # values along a side: regions of one value never touch

_compile = numba.njit(nogil=True, cache=True, error_model="numpy")


def of(image: Pixels, count: int) -> Pixels:
    """About `count` superpixels of an RGB image uint8 (h, w, 3), as uint8 (h, w).

    A superpixel is a connected region of one value; values are 0 to 15, and repeat. Achanta et
    al., 2012, but for colours in RGB, and each pixel chooses among the cells of a grid around it.
    """
    height, width = image.shape[:2]
    rows = min(height, max(1, round((count * height / width) ** 0.5)))
    columns = min(width, max(1, round(count / rows)))
    cells = np.empty((height, width), np.int32)
    blurred = np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(_BLUR)))
    _assign(blurred.astype(np.float32), rows, columns, cells)
    _join(cells, max(1, height * width // (rows * columns * _PART)))
    values: Pixels = (cells // columns % _EACH * _EACH + cells % columns % _EACH).astype(np.uint8)
    return values


@_compile
def _assign(image, rows, columns, cells):  # type: ignore[no-untyped-def]
    """Each pixel's cell: of its own and the eight around it the nearest in colour and place."""
    height, width = image.shape[:2]
    far = np.float32(_COMPACT**2 * rows * columns / (height * width))
    centres = np.zeros((rows * columns, 6), np.float32)
    for y in range(height):
        for x in range(width):
            cells[y, x] = y * rows // height * columns + x * columns // width
    for _ in range(_REPEATS):
        _centre(image, cells, centres)
        for y in range(height):
            row = y * rows // height
            for x in range(width):
                column, least = x * columns // width, np.float32(np.inf)
                red, green, blue = image[y, x]
                for i in range(max(0, row - 1), min(rows, row + 2)):
                    for j in range(max(0, column - 1), min(columns, column + 2)):
                        near = centres[i * columns + j]
                        apart = (red - near[0]) ** 2 + (green - near[1]) ** 2
                        apart += (blue - near[2]) ** 2
                        apart += far * ((y - near[3]) ** 2 + (x - near[4]) ** 2)
                        if apart < least and near[5] > 0:
                            least = apart
                            cells[y, x] = i * columns + j


@_compile
def _centre(image, cells, centres):  # type: ignore[no-untyped-def]
    """Mean colour and place of each cell's pixels, and how many they are."""
    centres[:] = 0
    height, width = cells.shape
    for y in range(height):
        for x in range(width):
            own = centres[cells[y, x]]
            for channel in range(3):
                own[channel] += image[y, x, channel]
            own[3] += y
            own[4] += x
            own[5] += 1
    for own in centres:
        if own[5] > 0:
            own[:5] /= own[5]


@_compile
def _join(cells, least):  # type: ignore[no-untyped-def]
    """Gives each connected part of fewer than `least` pixels to what lies before it."""
    height, width = cells.shape
    seen = np.zeros((height, width), np.bool_)
    found = np.empty((height * width, 2), np.int32)
    for y in range(height):
        for x in range(width):
            if seen[y, x]:
                continue
            cell = cells[y, x]
            before = cells[y, x - 1] if x else (cells[y - 1, x] if y else cell)
            seen[y, x] = True
            found[0] = (y, x)
            at, count = 0, 1
            while at < count:
                own_y, own_x = found[at]
                at += 1
                for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
                    i, j = own_y + dy, own_x + dx
                    if (
                        0 <= i < height
                        and 0 <= j < width
                        and not seen[i, j]
                        and cells[i, j] == cell
                    ):
                        seen[i, j] = True
                        found[count] = (i, j)
                        count += 1
            if count < least:
                for n in range(count):
                    cells[found[n, 0], found[n, 1]] = before
