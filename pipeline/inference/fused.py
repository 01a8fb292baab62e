"""Upsampling, softmax, score and label fused per pixel: nothing of C x H x W is ever in memory.

The score of a pixel is k = -log max_c p_c >= 0 (small is sure), so that a class threshold
k_c = -log lambda_c is the CBST paper's (Zou et al., 2018). With a_c the upsampled logits and
m = max_c a_c, k = log(1 + sum of exp(a_c - m) over the other classes): exact where p is within
1e-7 of 1, where 1 - p and p itself are not.

A prior q (CBST-SP) makes q_c p_c of p_c throughout: `scored` are logits plus log q, k the
negative logarithm of max_c q_c p_c. Without one, `scored` is the logits' grid itself.

Work goes in blocks of a row's pixels, all classes of which stay in the L1 cache. All compiled code
is in this one long file: numba's cache would not see a change in another. `labelling` is its door.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_BLOCK = 128
_ROUNDING = np.float32(1e-6)  # of LRENT's sum: 1 where lambda is 1 must not pass as more

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
def _places(
    length: int, cells: int, low: float, high: float
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Left cell and weight of the right one for each pixel: bilinear.

    The cells lie evenly between `low` and `high`, fractions of the image's side.
    """
    left = np.empty(length, np.int64)
    weight = np.empty(length, np.float32)
    for i in range(length):
        at = ((i + 0.5) * cells / length - low * cells) / (high - low)
        at = max(at - 0.5, 0.0)
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
def _bracket(grid, y, left, weight, upper, lower):  # type: ignore[no-untyped-def]
    """The rows above and below an image row, stretched; nothing for a grid without classes."""
    if grid.shape[0]:
        _stretch(grid, y, left, weight, upper)
        _stretch(grid, min(y + 1, grid.shape[1] - 1), left, weight, lower)


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
def measure(grid, scored, height, width, window):  # type: ignore[no-untyped-def]
    """Class, score and entropy of each pixel, row by row; see labelling.measure."""
    predicted = np.empty((height, width), np.uint8)
    k, entropy = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    y_cell, y_weight = _places(height, grid.shape[1], window[1], window[3])
    x_cell, x_weight = _places(width, grid.shape[2], window[0], window[2])
    plain = scored.size == 0
    upper, lower, a = _rooms(grid.shape[0], width)
    upper_b, lower_b, b = _rooms(scored.shape[0], width)
    tops, totals, spreads = _lines()
    scores, _, _ = _lines()
    bests = np.empty(_BLOCK, np.int32)
    for y in range(height):
        if y == 0 or y_cell[y] != y_cell[y - 1]:
            _bracket(grid, y_cell[y], x_cell, x_weight, upper, lower)
            _bracket(scored, y_cell[y], x_cell, x_weight, upper_b, lower_b)
        for x in range(0, width, _BLOCK):
            n = min(_BLOCK, width - x)
            top, best, score = tops[:n], bests[:n], scores[:n]
            total, spread = totals[:n], spreads[:n]
            _highest(upper, lower, y_weight[y], x, a, top, best)
            _others(a, top, best, total, spread)
            at, own, unsure = predicted[y, x : x + n], k[y, x : x + n], entropy[y, x : x + n]
            for i in range(n):
                own[i] = log1p(total[i])
                unsure[i] = own[i] + spread[i] / (np.float32(1) + total[i])
            if not plain:
                _highest(upper_b, lower_b, y_weight[y], x, b, score, best)
                for i in range(n):  # rounding must not make it negative
                    own[i] = max(own[i] + (top[i] - score[i]), np.float32(0))
            for i in range(n):
                at[i] = np.uint8(best[i])
    return predicted, k, entropy


@_compile
def label(grid, scored, height, width, window, thresholds, power, labels, values, second):  # type: ignore[no-untyped-def]
    """All labelers' choice, row by row; see the functions below. Returns the sure pixels int64 (C).

    `power` 0 keeps a pixel whose class passes its own threshold, > 0 LRENT's, < 0 every pixel.
    `values` float32 (height, width) or empty gets the chosen class's log(p / lambda), `second`
    the same of the runner-up and, as a float, which class that is: (2, height, width) or empty.
    """
    y_cell, y_weight = _places(height, grid.shape[1], window[1], window[3])
    x_cell, x_weight = _places(width, grid.shape[2], window[0], window[2])
    plain = scored.size == 0
    upper, lower, a = _rooms(grid.shape[0], width)
    upper_b, lower_b, b = _rooms(scored.shape[0], width)
    tops, totals, spreads = _lines()
    scores, weights, tails = _lines()
    next_weights, next_bests, _ = _lines()
    bests = np.empty(_BLOCK, np.int32)
    sure = np.zeros(grid.shape[0], np.int64)
    for y in range(height):
        if y == 0 or y_cell[y] != y_cell[y - 1]:
            _bracket(grid, y_cell[y], x_cell, x_weight, upper, lower)
            _bracket(scored, y_cell[y], x_cell, x_weight, upper_b, lower_b)
        for x in range(0, width, _BLOCK):
            n = min(_BLOCK, width - x)
            top, best, score = tops[:n], bests[:n], scores[:n]
            total, weight, tail = totals[:n], weights[:n], tails[:n]
            _highest(upper, lower, y_weight[y], x, a, top, best)
            _others(a, top, best, total, spreads[:n])
            logits = a
            for i in range(n):
                total[i] = log1p(total[i])
                score[i] = top[i]
            if not plain:
                _highest(upper_b, lower_b, y_weight[y], x, b, score, best)
                logits = b
            for i in range(n):  # the predicted class, and whether it passes
                tail[i] = max(total[i] + (top[i] - score[i]), np.float32(0))
                sure[best[i]] += tail[i] <= thresholds[best[i]]
            _weigh(logits, thresholds, best, weight, tail, top, total)
            if power > 0:
                _powers(logits, thresholds, power, best, weight, top, total, score)
            if second.size:
                _runner_up(logits, thresholds, best, top, total, next_weights[:n], next_bests[:n])
                for i in range(n):
                    second[0, y, x + i] = next_weights[i]
                    second[1, y, x + i] = next_bests[i]
            if values.size:
                for i in range(n):
                    values[y, x + i] = weight[i]
            own = labels[y, x : x + n]
            for i in range(n):
                kept = power < 0 or weight[i] >= 0
                if power > 0:
                    kept = (kept and total[i] > 0) or score[i] > _ROUNDING
                own[i] = np.uint8(best[i]) if kept else np.uint8(255)
    return sure


@_compile
def _weigh(a, thresholds, best, weight, tail, top, total):  # type: ignore[no-untyped-def]
    """Turns `best` into argmax_c p_c / lambda_c, whose logarithm is `weight`.

    As k_c + log p_c, and -log p_c as a sum of what is above 0: a k of 1e-9 counts beside it. `tail`
    is that of the predicted class.
    """
    for i in range(top.size):
        weight[i] = thresholds[best[i]] - tail[i]
    for c in range(a.shape[0]):
        line, threshold = a[c], thresholds[c]
        for i in range(top.size):
            value = threshold - ((top[i] - line[i]) + total[i])
            heavier = value > weight[i]
            weight[i] = value if heavier else weight[i]
            best[i] = np.int32(c) if heavier else best[i]


@_compile
def _powers(a, thresholds, power, best, weight, top, total, out):  # type: ignore[no-untyped-def]
    """log of the sum over c of (p_c / lambda_c)^power."""
    out[:] = 0
    for c in range(a.shape[0]):
        line, threshold = a[c], thresholds[c]
        for i in range(out.size):
            value = threshold - ((top[i] - line[i]) + total[i])
            e = exp(min((value - weight[i]) * power, np.float32(0)))
            out[i] += e if best[i] != np.int32(c) else np.float32(0)
    for i in range(out.size):
        out[i] = log1p(out[i]) + weight[i] * power


@_compile
def _runner_up(a, thresholds, best, top, total, weight, second):  # type: ignore[no-untyped-def]
    """The heaviest class but `best`: its log of p / lambda, and which, as a float."""
    weight[:] = np.float32(-np.inf)
    second[:] = 0
    for c in range(a.shape[0]):
        line, threshold = a[c], thresholds[c]
        for i in range(weight.size):
            value = threshold - ((top[i] - line[i]) + total[i])
            heavier = (value > weight[i]) & (best[i] != np.int32(c))
            weight[i] = value if heavier else weight[i]
            second[i] = np.float32(c) if heavier else second[i]


@_compile
def judge(grid, labels, window, temperature, sums):  # type: ignore[no-untyped-def]
    """Adds to sums float64 (5, C) what quality.Sums names; no label in a block, no work."""
    (height, width), last = labels.shape, grid.shape[0] - 1
    y_cell, y_weight = _places(height, grid.shape[1], window[1], window[3])
    x_cell, x_weight = _places(width, grid.shape[2], window[0], window[2])
    upper, lower, a = _rooms(grid.shape[0], width)
    tops, totals, spreads = _lines()
    bests = np.empty(_BLOCK, np.int32)
    for y in range(height):
        if y == 0 or y_cell[y] != y_cell[y - 1]:
            _bracket(grid, y_cell[y], x_cell, x_weight, upper, lower)
        for x in range(0, width, _BLOCK):
            n = min(_BLOCK, width - x)
            own = labels[y, x : x + n]
            given = 0
            for i in range(n):
                given += own[i] != 255
            if given == 0:
                continue
            top, best, total, weight = tops[:n], bests[:n], totals[:n], spreads[:n]
            _highest(upper, lower, y_weight[y], x, a, top, best)
            _others(a, top, best, total, weight)
            for i in range(n):
                top[i] = a[min(np.int64(own[i]), last), i] - top[i]
            for i in range(n):
                total[i] = exp(top[i]) / (np.float32(1) + total[i])
                weight[i] = exp(-total[i] / temperature)
            for i in range(n):
                if own[i] != 255:
                    c = own[i]
                    sums[0, c] += 1
                    sums[1, c] += total[i]
                    sums[2, c] += weight[i]
                    sums[3, c] += weight[i] * total[i]
                    sums[4, c] += best[i] != c


_ONE = 1 << 30  # scores are added as integers: sums do not depend on what was added before


@_compile
def vote(labels, scores, heaviest, weights, second, thresholds, own, reach):  # type: ignore[no-untyped-def]
    """Labels and scores after one vote; window sums slide down the columns and along the rows."""
    (height, width), classes = labels.shape, thresholds.size
    labels_after, scores_after = labels.copy(), scores.copy()
    lambdas = np.exp(-thresholds)
    column, columns = np.zeros((width, classes), np.int64), np.zeros((width, classes), np.int64)
    total, number = np.zeros(classes, np.int64), np.zeros(classes, np.int64)
    for y in range(-reach, height):
        for x in range(width):
            if y + reach < height and labels[y + reach, x] != 255:
                c = labels[y + reach, x]
                column[x, c] += np.int64(scores[y + reach, x] * _ONE)
                columns[x, c] += 1
            if y - reach - 1 >= 0 and labels[y - reach - 1, x] != 255:
                c = labels[y - reach - 1, x]
                column[x, c] -= np.int64(scores[y - reach - 1, x] * _ONE)
                columns[x, c] -= 1
        total[:] = 0
        number[:] = 0
        for x in range(-reach, width if y >= 0 else -reach):
            if x + reach < width:
                for c in range(classes):
                    total[c] += column[x + reach, c]
                    number[c] += columns[x + reach, c]
            if x - reach - 1 >= 0:
                for c in range(classes):
                    total[c] -= column[x - reach - 1, c]
                    number[c] -= columns[x - reach - 1, c]
            if x < 0 or labels[y, x] != 255:
                continue
            best = np.float64(1)
            for candidate in range(2):
                c = np.int64(second[1, y, x]) if candidate else np.int64(heaviest[y, x])
                weight = second[0, y, x] if candidate else weights[y, x]
                if thresholds[c] < 0 or weight == -np.inf:
                    continue
                pool = total[c] / (number[c] * _ONE) if number[c] else 0.0
                score = own * np.exp(weight - thresholds[c]) + (1 - own) * pool
                if score / lambdas[c] >= best:
                    best = score / lambdas[c]
                    labels_after[y, x] = np.uint8(c)
                    scores_after[y, x] = np.float32(score)
    return labels_after, scores_after


COARSE, FINE = 1 << 15, 1 << 16
"""Bins of a score: its bits sort like its value, and the upper 16 without the sign are the bin."""


@_compile
def tally(pools, predicted, k, entropy, coarse, sums):  # type: ignore[no-untyped-def]
    """Adds an image to coarse int64 (pools, 2^15), and to sums float64 (3, C) what Seen names."""
    bits = k.view(np.uint32)
    p = np.empty(k.shape[1], np.float32)
    for y in range(k.shape[0]):
        scores = k[y]
        for x in range(p.size):
            p[x] = exp(-scores[x])
        for x in range(p.size):
            c = predicted[y, x]
            coarse[pools[c], bits[y, x] >> 16] += 1
            sums[0, c] += 1
            sums[1, c] += p[x]
            sums[2, c] += entropy[y, x]


@_compile
def refine(pools, predicted, k, bins, fine):  # type: ignore[no-untyped-def]
    """Adds the scores of one coarse bin a pool to fine int64 (pools, 2^16)."""
    bits = k.view(np.uint32)
    for y in range(k.shape[0]):
        for x in range(k.shape[1]):
            pool = pools[predicted[y, x]]
            if bits[y, x] >> 16 == bins[pool]:
                fine[pool, bits[y, x] & 0xFFFF] += 1
