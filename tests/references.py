"""Slow, obvious float64 references of the fused pass, and random grids."""

import numpy as np
from hypothesis import strategies as st

from pipeline import confidence, fused


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


def reference_threshold(values, portion):
    """lambda as the paper's code finds it: sort descending, take entry floor(N p) - 1."""
    rank = int(np.floor(len(values) * portion))
    descending_p = np.sort(values)  # k ascends where p descends
    return descending_p[rank - 1] if rank else fused.NOTHING


def grids(seed, n, classes, size, scale=4.0):
    """Float16 values, as predictions on disk have them, in float32."""
    rng = np.random.default_rng(seed)
    made = rng.normal(0, scale, (n, classes, *size)).clip(-6e4, 6e4)
    return [g.astype(np.float16).astype(np.float32) for g in made]


def found(images, height, width, pools, portion):
    measured = [fused.measure(g, height, width) for g in images]
    predicted = np.stack([m[0] for m in measured])
    k = np.stack([m[1] for m in measured])
    thresholds, seen = confidence.thresholds(
        images, lambda g: fused.measure(g, height, width), pools, portion
    )
    total = np.bincount(pools, seen.predicted.sum(0)).astype(int)
    return predicted, k, thresholds, total


def pools_of(kind, classes):
    return np.zeros(classes, np.int64) if kind == "st" else np.arange(classes)


SIZES = [((5, 7), 40, 56), ((5, 7), 37, 53), ((1, 1), 9, 4), ((6, 9), 6, 9), ((8, 8), 3, 5)]

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
