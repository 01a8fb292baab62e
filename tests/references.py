"""Slow, obvious float64 references of the fused pass, and random grids."""

import numpy as np
from hypothesis import strategies as st

from pipeline.inference import confidence, labelling


def places(length, cells):
    at = np.clip((np.arange(length) + 0.5) * cells / length - 0.5, 0, cells - 1)
    left = np.floor(at).astype(int)
    return left, np.minimum(left + 1, cells - 1), at - left


def upsample(grid, height, width):
    """float64 (C, h, w) -> (C, height, width), bilinear with half-pixel centres."""
    up, down, y = places(height, grid.shape[1])
    left, right, x = places(width, grid.shape[2])
    grid = grid.astype(np.float64)
    rows = grid[:, up] * (1 - y)[:, None] + grid[:, down] * y[:, None]
    return rows[:, :, left] * (1 - x) + rows[:, :, right] * x


def log_softmax(a):
    below = a - a.max(0)
    return below - np.log(np.exp(below).sum(0))


def reference_k(a):
    """-log of the highest probability, exact where it is next to 1."""
    others = np.sort(a - a.max(0), axis=0)[:-1]
    return np.log1p(np.exp(others).sum(0))


def tent(length, cells):
    """Weights (length, cells) of a bilinear resampling; wider where it makes a grid coarser."""
    scale = cells / length
    centre = (np.arange(length) + 0.5) * scale
    weights = 1 - np.abs(np.arange(cells) + 0.5 - centre[:, None]) / max(scale, 1)
    weights = np.maximum(0, weights)
    return weights / weights.sum(1, keepdims=True)


def resample(maps, height, width):
    """float64 (C, h, w) -> (C, height, width)."""
    rows, columns = tent(height, maps.shape[1]), tent(width, maps.shape[2])
    return np.einsum("yh,xw,chw->cyx", rows, columns, maps.astype(np.float64))


def reference_votes(log_p, thresholds, own, window, repeats):
    """TPLD's labels after each vote (repeats + 1, H, W), and how close the closest decision was.

    log_p float64 (C, H, W). Pixel by pixel, each neighbour by itself.
    """
    with np.errstate(over="ignore"):
        lambdas = np.exp(-thresholds.astype(np.float64))
    p, height, width = np.exp(log_p), *log_p.shape[1:]
    ratio = p / lambdas[:, None, None]
    two = np.argsort(-ratio, axis=0, kind="stable")[:2]
    top = ratio.max(0)
    labels = np.where(top >= 1, two[0], 255)
    scores = np.where(top >= 1, np.take_along_axis(p, two[:1], 0)[0], 0.0)
    closest = np.abs(top - 1).min()
    made, reach = [labels], window // 2
    for _ in range(repeats):
        after, scores_after = labels.copy(), scores.copy()
        for y, x in np.argwhere(labels == 255):
            candidates = []
            for c in two[:, y, x]:
                votes = [
                    scores[i, j]
                    for i in range(max(y - reach, 0), min(y + reach + 1, height))
                    for j in range(max(x - reach, 0), min(x + reach + 1, width))
                    if labels[i, j] == c
                ]
                score = own * p[c, y, x] + (1 - own) * (np.mean(votes) if votes else 0)
                candidates.append((score / lambdas[c], c, score))
            (weight, c, score), (other, *_) = sorted(candidates, reverse=True)
            closest = min(closest, abs(weight - 1), weight - other if weight >= 1 else np.inf)
            if weight >= 1:
                after[y, x], scores_after[y, x] = c, score
        labels, scores = after, scores_after
        made.append(labels)
    return np.stack(made), closest


def reference_threshold(values, portion):
    """lambda as the paper's code finds it: sort descending, take entry floor(N p) - 1."""
    rank = int(np.floor(len(values) * portion))
    descending_p = np.sort(values)  # k ascends where p descends
    return descending_p[rank - 1] if rank else labelling.NOTHING


def grids(seed, n, classes, size, scale=4.0):
    """Float16 values, as predictions on disk have them, in float32."""
    rng = np.random.default_rng(seed)
    made = rng.normal(0, scale, (n, classes, *size)).clip(-6e4, 6e4)
    return [g.astype(np.float16).astype(np.float32) for g in made]


def found(images, height, width, pools, portion):
    measured = [labelling.measure(g, height, width) for g in images]
    predicted = np.stack([m[0] for m in measured])
    k = np.stack([m[1] for m in measured])
    thresholds, seen = confidence.thresholds(
        images, lambda g: labelling.measure(g, height, width), pools, portion
    )
    total = np.bincount(pools, seen.predicted.sum(0)).astype(int)
    return predicted, k, thresholds, total


def pools_of(kind, classes):
    return np.zeros(classes, np.int64) if kind == "st" else np.arange(classes)


SIZES = [((5, 7), 40, 56), ((5, 7), 37, 53), ((1, 1), 9, 4), ((6, 9), 6, 9), ((8, 8), 3, 5)]

MORE_SIZES = [*SIZES, ((3, 2), 1, 1), ((4, 9), 3, 300)]
"""Also one pixel, and rows of more than one block."""

worlds = st.fixed_dictionaries(
    {
        "classes": st.sampled_from([1, 2, 3, 19, 255]),
        "size": st.tuples(st.integers(1, 4), st.integers(1, 4)),
        "height": st.integers(1, 11),
        "width": st.integers(1, 11),
        "n": st.integers(1, 4),
        "scale": st.sampled_from([0.0, 0.3, 4.0, 40.0, 6e4]),
        "seed": st.integers(0, 1000),
        "kind": st.sampled_from(["st", "cbst"]),
        "portion": st.sampled_from([0.0, 1e-9, 1.0]) | st.floats(0, 1),
    }
)
