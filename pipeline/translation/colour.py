"""sRGB to CIELAB and back (CIE 1976, white D65), and what is done between the two, per pixel.

One pass leaves CIELAB with its mean and covariance, another maps it and goes back to 8 bits: half
the time of PNG's decoding each. Powers are read from tables, linearly between their entries: right
to 0.003 in CIELAB and to 0.01 of a grey level before rounding. All compiled code is in this file:
numba's cache would not see a change in another. `cielab` is its door.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

BINS = 512
"""Of a channel's histogram or map: 100/511 of L, 256/511 of a and b apart."""

LOW: Floats = np.array([0, -128, -128], np.float32)
"""Of L, a and b: where the first bin has its middle."""
STEP: Floats = (np.array([100, 256, 256]) / (BINS - 1)).astype(np.float32)

_ENTRIES = 4096
_XYZ: Doubles = np.array(
    [[0.4124564, 0.3575761, 0.1804375],
     [0.2126729, 0.7151522, 0.0721750],
     [0.0193339, 0.1191920, 0.9503041]],
)  # fmt: skip
FROM_RGB = _XYZ / _XYZ.sum(1, keepdims=True)  # of white X = Y = Z = 1
TO_RGB = np.linalg.inv(FROM_RGB).astype(np.float32)
FROM_RGB = FROM_RGB.astype(np.float32)


_DARK = 0.04045


def linear(value: Doubles) -> Doubles:
    """sRGB in 0 to 1, as stored, to intensity."""
    return np.where(value <= _DARK, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def stored(intensity: Doubles) -> Doubles:
    """The inverse of `linear`."""
    return np.where(
        intensity <= _DARK / 12.92, 12.92 * intensity, 1.055 * intensity ** (1 / 2.4) - 0.055
    )


def _root(t: Doubles) -> Doubles:
    """CIELAB's: a cube root but for the darkest."""
    return np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)


_AT = np.arange(_ENTRIES + 2) / _ENTRIES  # one more than is reached, for rounding
LINEAR = linear(np.arange(256) / 255).astype(np.float32)
ROOT = _root(_AT).astype(np.float32)
STORED = (255 * stored(_AT)).astype(np.float32)

_compile = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})


@_compile
def _read(table, at):  # type: ignore[no-untyped-def]
    """A table's value at 0 <= `at` <= 1."""
    place = at * np.float32(_ENTRIES)
    index = np.int32(place)
    below = table[index]
    return below + (place - np.float32(index)) * (table[index + 1] - below)


@_compile
def to_lab(image, inside, lab):  # type: ignore[no-untyped-def]
    """Fills lab (n, 3) from uint8 (n, 3): the number of the pixels inside, and of their values

    sums (3) and, above the diagonal and on it, sums of products (3, 3). `inside`, bool (n), is of
    length 0 where all pixels count; so it is below.
    """
    sums, products, count = np.zeros(3), np.zeros((3, 3)), 0
    for i in range(len(image)):
        r, g, b = LINEAR[image[i, 0]], LINEAR[image[i, 1]], LINEAR[image[i, 2]]
        fx = _read(ROOT, FROM_RGB[0, 0] * r + FROM_RGB[0, 1] * g + FROM_RGB[0, 2] * b)
        fy = _read(ROOT, FROM_RGB[1, 0] * r + FROM_RGB[1, 1] * g + FROM_RGB[1, 2] * b)
        fz = _read(ROOT, FROM_RGB[2, 0] * r + FROM_RGB[2, 1] * g + FROM_RGB[2, 2] * b)
        lab[i, 0] = np.float32(116) * fy - np.float32(16)
        lab[i, 1], lab[i, 2] = np.float32(500) * (fx - fy), np.float32(200) * (fy - fz)
        if len(inside) and not inside[i]:
            continue
        count += 1
        one, two, three = np.float64(lab[i, 0]), np.float64(lab[i, 1]), np.float64(lab[i, 2])
        sums[0] += one
        sums[1] += two
        sums[2] += three
        products[0, 0] += one * one
        products[0, 1] += one * two
        products[0, 2] += one * three
        products[1, 1] += two * two
        products[1, 2] += two * three
        products[2, 2] += three * three
    return count, sums, products


@_compile
def histograms(lab, inside):  # type: ignore[no-untyped-def]
    """int64 (3, BINS): how many of the pixels inside are nearest to the middle of each bin."""
    counts = np.zeros((3, BINS), np.int64)
    for i in range(len(lab)):
        if len(inside) and not inside[i]:
            continue
        for channel in range(3):
            place: Any = (lab[i, channel] - LOW[channel]) / STEP[channel] + np.float32(0.5)
            counts[channel, int(min(max(place, np.float32(0)), np.float32(BINS - 1)))] += 1
    return counts


@_compile
def _not_below(value):  # type: ignore[no-untyped-def]
    """0 of what is less, and of what is no number: it becomes a place in a table."""
    return value if value > np.float32(0) else np.float32(0)


@_compile
def _write(out, i, lightness, a, b):  # type: ignore[no-untyped-def]
    """A pixel of CIELAB as 8-bit sRGB, each channel cut off where the screen's colours end."""
    fy = (lightness + np.float32(16)) / np.float32(116)
    x, y, z = fy + a / np.float32(500), fy, fy - b / np.float32(200)
    low, slope, at = np.float32(6 / 29), np.float32(3 * (6 / 29) ** 2), np.float32(4 / 29)
    x = x * x * x if x > low else slope * (x - at)
    y = y * y * y if y > low else slope * (y - at)
    z = z * z * z if z > low else slope * (z - at)
    for channel in range(3):
        value = TO_RGB[channel, 0] * x + TO_RGB[channel, 1] * y + TO_RGB[channel, 2] * z
        value = min(_not_below(value), np.float32(1))
        out[i, channel] = np.uint8(_read(STORED, value) + np.float32(0.5))


@_compile
def affine(lab, matrix, offset, inside, out):  # type: ignore[no-untyped-def]
    """Writes matrix (3, 3) @ lab + offset (3) of each pixel inside into out, uint8 (n, 3)."""
    for i in range(len(lab)):
        if len(inside) and not inside[i]:
            continue
        one, two, three = lab[i, 0], lab[i, 1], lab[i, 2]
        _write(
            out,
            i,
            matrix[0, 0] * one + matrix[0, 1] * two + matrix[0, 2] * three + offset[0],
            matrix[1, 0] * one + matrix[1, 1] * two + matrix[1, 2] * three + offset[1],
            matrix[2, 0] * one + matrix[2, 1] * two + matrix[2, 2] * three + offset[2],
        )


@_compile
def _between(table, value, low, step):  # type: ignore[no-untyped-def]
    place = min(_not_below((value - low) / step), np.float32(BINS - 1))
    index = min(np.int32(place), np.int32(BINS - 2))
    below = table[index]
    return below + (place - np.float32(index)) * (table[index + 1] - below)


@_compile
def tabled(lab, tables, inside, out):  # type: ignore[no-untyped-def]
    """Writes each channel by its row of tables (3, BINS), of each pixel inside, into out."""
    for i in range(len(lab)):
        if len(inside) and not inside[i]:
            continue
        _write(
            out,
            i,
            _between(tables[0], lab[i, 0], LOW[0], STEP[0]),
            _between(tables[1], lab[i, 1], LOW[1], STEP[1]),
            _between(tables[2], lab[i, 2], LOW[2], STEP[2]),
        )
