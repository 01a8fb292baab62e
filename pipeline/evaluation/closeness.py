"""How close two sets of images are, without labels: KID on features, and colours.

KID (Binkowski et al., ICLR 2018) is an unbiased MMD^2, so that it is of use for a hundred images,
where FID is not. Its numbers compare only with numbers of the same features and the same target.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

FEWEST = 4
"""Images of a set: of halves of fewer there is no mean over pairs."""

_FLOOR = 0.1
_ENDS = (2.5, 97.5)


class Seen(NamedTuple):
    """What is known of a set of n images."""

    first: Doubles  # (n, d): features near the pixels
    last: Doubles  # (n, e): features far from them
    colours: Doubles  # (n, 6): mean and deviation of L, a and b


class Interval(NamedTuple):
    """A mean over subsets, and between which values 95 % of them lie."""

    value: float
    low: float
    high: float


def standardised(features: Doubles, of: Doubles) -> Doubles:
    """Features (n, d) in deviations of the target's `of` (m, d) about its means.

    So that no dimension counts for its scale alone. One that hardly varies in the target is
    divided by a tenth of the mean deviation; neither is from the paper, whose features are of one
    network that is always the same.
    """
    deviation = of.std(0)
    scaled: Doubles = (features - of.mean(0)) / np.maximum(
        deviation, max(_FLOOR * deviation.mean(), 1e-12)
    )
    return scaled


def kernel(one: Doubles, other: Doubles) -> Doubles:
    """(n, m): (<x, y> / d + 1)^3 of features (n, d) and (m, d)."""
    values: Doubles = (one @ other.T / one.shape[1] + 1) ** 3
    return values


def mmd(within: Doubles, between: Doubles, others: Doubles) -> float:
    """MMD^2 without bias, from kernels (n, n), (n, m), (m, m): an image is no pair with itself."""
    n, m = between.shape
    own = (within.sum() - np.trace(within)) / (n * (n - 1))
    theirs = (others.sum() - np.trace(others)) / (m * (m - 1))
    return float(own + theirs - 2 * between.mean())


def kid(images: Doubles, target: Doubles, subsets: int, seed: int) -> Interval:
    """Of features (n, d) and (m, d) of two sets of images, over random halves of each."""
    size = min(len(images), len(target)) // 2
    within, between, others = (
        kernel(*pair) for pair in ((images, images), (images, target), (target, target))
    )

    def one(rng: np.random.Generator) -> float:
        own, its = (rng.permutation(len(of))[:size] for of in (images, target))
        return mmd(within[np.ix_(own, own)], between[np.ix_(own, its)], others[np.ix_(its, its)])

    return over(one, subsets, seed)


def kid_within(target: Doubles, size: int, subsets: int, seed: int) -> Interval:
    """Of the target against itself: two random parts of `size` that share no image; about 0."""
    values = kernel(target, target)

    def one(rng: np.random.Generator) -> float:
        drawn = rng.permutation(len(target))
        own, its = drawn[:size], drawn[size : 2 * size]
        return mmd(values[np.ix_(own, own)], values[np.ix_(own, its)], values[np.ix_(its, its)])

    return over(one, subsets, seed)


def over(one: Callable[[np.random.Generator], float], subsets: int, seed: int) -> Interval:
    """Of a number that is drawn: each time by a generator of its own, which no global state is."""
    found = [one(np.random.default_rng((seed, subset))) for subset in range(subsets)]
    low, high = np.percentile(found, _ENDS)
    return Interval(float(np.mean(found)), float(low), float(high))


def colours_apart(one: Doubles, other: Doubles) -> float:
    """Of rows (n, 6) and (m, 6), mean and deviation of L, a and b of each image.

    The distance of their averages, in units of CIELAB: Frechet's between normal distributions of
    independent channels.
    """
    return float(np.linalg.norm(one.mean(0) - other.mean(0)))


def table(sets: Mapping[str, Seen], target: Seen, subsets: int, seed: int) -> pd.DataFrame:
    """A row for each set, against the target, and one of the target against itself.

    Column `images` has the name; kid_first and kid_last their low and high ends; `colours` the
    distance in CIELAB. Halves are of the same number of images in each row.
    """
    size = min(len(seen.first) for seen in (target, *sets.values())) // 2
    rows = [
        {"images": name, **_against(seen, target, subsets, seed)} for name, seen in sets.items()
    ]
    own: dict[str, float] = {}
    for level in ("first", "last"):
        features = getattr(target, level)
        own |= _columns(level, kid_within(standardised(features, features), size, subsets, seed))
    order = np.random.default_rng(seed).permutation(len(target.colours))
    parts = target.colours[order[:size]], target.colours[order[size : 2 * size]]
    return pd.DataFrame([*rows, {"images": "target", **own, "colours": colours_apart(*parts)}])


def _against(seen: Seen, target: Seen, subsets: int, seed: int) -> dict[str, float]:
    row: dict[str, float] = {}
    for level in ("first", "last"):
        own, its = (standardised(getattr(s, level), getattr(target, level)) for s in (seen, target))
        row |= _columns(level, kid(own, its, subsets, seed))
    return row | {"colours": colours_apart(seen.colours, target.colours)}


def _columns(level: str, found: Interval) -> dict[str, float]:
    return dict(zip((f"kid_{level}", f"{level}_low", f"{level}_high"), found, strict=True))
