"""Maps that take one distribution to another: each in closed form, or a number to search for."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from pipeline.translation.colour import Doubles

JUST_SEEN = 1.0
"""Of CIELAB: less deviation than this counts as this. Not from the papers, which divide by it."""

_STEEPEST = (0.1, 10.0)
_HOLD = 0.01


def scales(own: Doubles, other: Doubles) -> Doubles:
    """What deviations `own` are multiplied with to be `other` (any shape, both alike).

    1 where they are the same, be they 0; of a flat image nothing is divided by next to nothing.
    """
    ratio: Doubles = np.maximum(other, JUST_SEEN) / np.maximum(own, JUST_SEEN)
    return ratio


def transport(own: Doubles, other: Doubles) -> Doubles:
    """The matrix (3, 3) of the linear map that moves least from one covariance to another.

    Monge and Kantorovich's between normal distributions (Pitie and Kokaram, 2007): symmetric and
    positive, so that no colours are swapped, as whitening and colouring may.
    """
    own, other = (_powered(_seen(covariance), 1.0) for covariance in (own, other))
    root, inverse = _powered(own, 0.5), _powered(own, -0.5)
    moved: Doubles = inverse @ _powered(root @ other @ root, 0.5) @ inverse
    return moved


def _seen(covariance: Doubles) -> Doubles:
    values, vectors = np.linalg.eigh(covariance)
    made: Doubles = (vectors * np.maximum(values, JUST_SEEN**2)) @ vectors.T
    return made


def _powered(covariance: Doubles, power: float) -> Doubles:
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    made: Doubles = (vectors * values**power) @ vectors.T
    return made


def matched(own: Doubles, other: Doubles) -> Doubles:
    """For each level of a histogram `own` (n,) the level, between two if need be, of `other` (n,).

    The one of the same rank. The pixels of a level are tied, and all have the middle of their
    ranks: so an image is its own match, and a flat one becomes the other's median, not its end.
    What lies between levels that have pixels is between their matches.
    """
    here, there = np.flatnonzero(own), np.flatnonzero(other)
    places = np.interp(_ranks(own)[here], _ranks(other)[there], there)
    found: Doubles = np.interp(np.arange(len(own)), here, places)
    return found


def _ranks(counts: Doubles) -> Doubles:
    """In 0 to 1, of the middle of each level's pixels."""
    below = np.cumsum(counts)
    ranks: Doubles = (below - np.asarray(counts) / 2) / below[-1]
    return ranks


def gamma(shares: Doubles, levels: Doubles, mean: float) -> float:
    """The power of lightness whose mean is nearest to `mean`, held at 1 by a hundredth.

    argmin (mean(L^gamma) - mean)^2 + 0.01 (gamma - 1)^2 with L in 0 to 1 (Ma et al., CVPR 2021),
    from `shares` (n,) of its `levels` (n,).
    """

    def cost(power: float) -> float:
        return float((shares @ levels**power - mean) ** 2 + _HOLD * (power - 1) ** 2)

    options = {"xatol": 1e-6}
    return float(minimize_scalar(cost, bounds=_STEEPEST, method="bounded", options=options).x)
