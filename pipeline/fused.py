"""Upsampling, softmax, score and label fused per pixel: nothing of C x H x W is ever in memory.

The score of a pixel is k = -log max_c p_c >= 0 (small is sure), so that a class threshold
k_c = -log lambda_c is the CBST paper's (Zou et al., 2018). With a_c the upsampled logits and
m = max_c a_c, k = log(1 + sum of exp(a_c - m) over the other classes): exact where p is within
1e-7 of 1, where 1 - p and p itself are not.

Work goes in blocks of a row's pixels, all classes of which stay in the L1 cache.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

NOTHING = np.float32(-np.inf)
"""k of a class of which no pixel is taken: every score is larger."""

_BLOCK = 128

_compile = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})


@_compile
def exp(x):  # type: ignore[no-untyped-def]
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
def log1p(x):  # type: ignore[no-untyped-def]
    """log(1 + x) for x >= 0 in float32, vectorised as exp is; 2 ulp (Cephes' polynomial)."""
    u = np.float32(1) + x
    lost = (x - (u - np.float32(1))) / u
    # u = m 2^e with sqrt(1/2) <= m < sqrt(2)
    bits = np.float32(u).view(np.int32) - np.int32(0x3F3504F3)
    e = np.float32(bits >> np.int32(23))
    f = np.int32((bits & np.int32(0x7FFFFF)) + np.int32(0x3F3504F3)).view(np.float32)
    f -= np.float32(1)
    p = np.float32(7.0376836292e-2)
    p = p * f - np.float32(1.1514610310e-1)
    p = p * f + np.float32(1.1676998740e-1)
    p = p * f - np.float32(1.2420140846e-1)
    p = p * f + np.float32(1.4249322787e-1)
    p = p * f - np.float32(1.6668057665e-1)
    p = p * f + np.float32(2.0000714765e-1)
    p = p * f - np.float32(2.4999993993e-1)
    p = p * f + np.float32(3.3333331174e-1)
    small = p * f * f * f - np.float32(0.5) * f * f - e * np.float32(2.12194440e-4)
    return f + (small + lost) + e * np.float32(0.693359375)


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


# Arrays of their own: LLVM does not vectorise a loop over parts of one, which might overlap.


@_compile
def _rooms(classes: int, width: int) -> tuple[Floats, Floats, Floats]:
    """Two stretched rows of the grid, and a block's logits."""
    upper, lower = np.empty((classes, width), np.float32), np.empty((classes, width), np.float32)
    return upper, lower, np.empty((classes, _BLOCK), np.float32)


@_compile
def _lines() -> tuple[Floats, Floats, Floats]:
    """A block's numbers."""
    line = np.empty(_BLOCK, np.float32)
    return line, np.empty(_BLOCK, np.float32), np.empty(_BLOCK, np.float32)


@_compile
def _stretch(grid, y, left, weight, out):  # type: ignore[no-untyped-def]
    """Row y of grid (C, h, w) in full width: out (C, W). Once a cell, as it gathers."""
    last = grid.shape[2] - 1
    for c in range(grid.shape[0]):
        line, wide = grid[c, y], out[c]
        for x in range(left.size):
            a = line[left[x]]
            wide[x] = a + weight[x] * (line[min(left[x] + 1, last)] - a)


@_compile
def _highest(upper, lower, weight, x, a, top, best):  # type: ignore[no-untyped-def]
    """Logits a (C, n) between two stretched rows from pixel x on, their maximum and its class."""
    n = top.size
    top[:] = np.float32(-np.inf)
    for c in range(upper.shape[0]):
        above, below, out = upper[c, x : x + n], lower[c, x : x + n], a[c]
        for i in range(n):
            value = above[i] + weight * (below[i] - above[i])
            out[i] = value
            higher = value > top[i]
            top[i] = value if higher else top[i]
            best[i] = np.int32(c) if higher else best[i]


@_compile
def _others(a, top, best, total, spread):  # type: ignore[no-untyped-def]
    """Sum over the other classes of exp(a_c - m), and of exp(a_c - m) (m - a_c)."""
    total[:] = 0
    spread[:] = 0
    for c in range(a.shape[0]):
        line = a[c]
        for i in range(top.size):
            gap = top[i] - line[i]
            e = exp(-gap)
            e = e if best[i] != np.int32(c) else np.float32(0)
            total[i] += e
            spread[i] += e * gap


@_compile
def measure(grid, height, width):  # type: ignore[no-untyped-def]
    """Class, score and entropy of each pixel of an image.

    grid: logits float32 (C, h, w). Returns predicted uint8 (height, width), k float32
    (height, width), entropy float32 (height, width) in nats.
    """
    predicted = np.empty((height, width), np.uint8)
    k, entropy = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    y_cell, y_weight = _places(height, grid.shape[1])
    x_cell, x_weight = _places(width, grid.shape[2])
    upper, lower, a = _rooms(grid.shape[0], width)
    tops, totals, spreads = _lines()
    bests = np.empty(_BLOCK, np.int32)
    for y in range(height):
        if y == 0 or y_cell[y] != y_cell[y - 1]:
            _stretch(grid, y_cell[y], x_cell, x_weight, upper)
            _stretch(grid, min(y_cell[y] + 1, grid.shape[1] - 1), x_cell, x_weight, lower)
        for x in range(0, width, _BLOCK):
            n = min(_BLOCK, width - x)
            top, best = tops[:n], bests[:n]
            total, spread = totals[:n], spreads[:n]
            _highest(upper, lower, y_weight[y], x, a, top, best)
            _others(a, top, best, total, spread)
            at, score, unsure = predicted[y, x : x + n], k[y, x : x + n], entropy[y, x : x + n]
            for i in range(n):
                at[i] = np.uint8(best[i])
                score[i] = log1p(total[i])
                unsure[i] = score[i] + spread[i] / (np.float32(1) + total[i])
    return predicted, k, entropy


@_compile
def weighted_argmax(grid, height, width, thresholds):  # type: ignore[no-untyped-def]
    """CBST's labels uint8 (height, width): argmax_c p_c / lambda_c where that is >= 1, else 255.

    grid: logits float32 (C, h, w); thresholds: k_c = -log lambda_c float32 (C), or NOTHING. A
    pixel whose k equals k_c is kept; of equals the predicted class wins, then the lowest.
    """
    labels = np.empty((height, width), np.uint8)
    y_cell, y_weight = _places(height, grid.shape[1])
    x_cell, x_weight = _places(width, grid.shape[2])
    upper, lower, a = _rooms(grid.shape[0], width)
    tops, totals, spreads = _lines()
    values, owns, _ = _lines()
    bests = np.empty(_BLOCK, np.int32)
    for y in range(height):
        if y == 0 or y_cell[y] != y_cell[y - 1]:
            _stretch(grid, y_cell[y], x_cell, x_weight, upper)
            _stretch(grid, min(y_cell[y] + 1, grid.shape[1] - 1), x_cell, x_weight, lower)
        for x in range(0, width, _BLOCK):
            n = min(_BLOCK, width - x)
            top, best = tops[:n], bests[:n]
            total, own = totals[:n], owns[:n]
            _highest(upper, lower, y_weight[y], x, a, top, best)
            _others(a, top, best, total, spreads[:n])
            _weigh(a, thresholds, top, best, values[:n], own)
            for i in range(n):
                kept = (top[i] - own[i]) + log1p(total[i]) <= thresholds[best[i]]
                labels[y, x + i] = np.uint8(best[i]) if kept else np.uint8(255)
    return labels


@_compile
def _weigh(a, thresholds, top, best, value, own):  # type: ignore[no-untyped-def]
    """Turns `best` into argmax_c a_c + k_c, and gives that class's logit in `own`."""
    for i in range(top.size):
        value[i] = top[i] + thresholds[best[i]]
        own[i] = top[i]
    for c in range(a.shape[0]):
        line, threshold = a[c], thresholds[c]
        for i in range(top.size):
            weight = line[i] + threshold
            higher = weight > value[i]
            value[i] = weight if higher else value[i]
            own[i] = line[i] if higher else own[i]
            best[i] = np.int32(c) if higher else best[i]
