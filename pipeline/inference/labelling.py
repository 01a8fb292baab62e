"""An image's classes, scores and labels from its logits: what labelers are made of.

The scores' meaning is in `fused`, which computes them.
"""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.domain.pixels import Mask, Pixels
from pipeline.domain.taxonomy import IGNORE
from pipeline.domain.windows import WHOLE, Window

Floats = npt.NDArray[np.float32]

Measured = tuple[Pixels, Floats, Floats]
"""Class, score and entropy of pixels, of one shape: those of an image, or of its region."""

NOTHING = np.float32(-np.inf)
"""k of a class of which no pixel is taken: every score is larger."""

NO_PRIOR = np.empty((0, 1, 1), np.float32)
_NO_VALUES = np.empty((0, 0), np.float32)
_NO_SECOND = np.empty((2, 0, 0), np.float32)


def _compiled() -> ModuleType:
    """The compiled code: numba takes half a second to import, and a labeler's options need none."""
    from pipeline.inference import fused

    return fused


def measure(
    grid: Floats, height: int, width: int, scored: Floats = NO_PRIOR, window: Window = WHOLE
) -> Measured:
    """Class, score and entropy of each pixel of an image.

    grid, scored: logits float32 (C, h, w), without and with the logarithm of a prior, both over
    `window` of the image. Returns predicted uint8, k float32 and entropy float32 in nats, all
    (height, width).
    """
    found: Measured = _compiled().measure(grid, scored, height, width, window)
    return found


def inside(measured: Measured, region: Mask | None) -> Measured:
    """Those of a region bool (H, W) alone, as one row; of all pixels without one."""
    if region is None:
        return measured
    predicted, k, entropy = measured
    return predicted[region][None], k[region][None], entropy[region][None]


class Made(NamedTuple):
    """An image's labels uint8 (H, W), and the pixels int64 (C) predicted c with k <= k_c.

    `dense` are labels of all pixels, where a labeler makes them.
    """

    labels: Pixels
    sure: npt.NDArray[np.int64]
    dense: Pixels | None = None


def only(labels: Pixels, region: Mask | None) -> Pixels:
    """Labels uint8 (H, W), IGNORE outside a region bool (H, W); as they are without one."""
    return labels if region is None else np.where(region, labels, IGNORE)


def cleared(made: Made, region: Mask, measured: Measured, thresholds: Floats) -> Made:
    """Without what is outside a region bool (H, W), of which `measured` is what `inside` gives."""
    predicted, k, _ = measured
    sure = np.bincount(predicted[k <= thresholds[predicted]], minlength=len(thresholds))
    dense = None if made.dense is None else only(made.dense, region)
    return Made(only(made.labels, region), sure, dense)


def weighted_argmax(
    grid: Floats,
    height: int,
    width: int,
    thresholds: Floats,
    scored: Floats = NO_PRIOR,
    window: Window = WHOLE,
) -> Made:
    """CBST's labels: argmax_c p_c / lambda_c where that is >= 1, else 255.

    grid, scored, window: as in `measure`; thresholds: k_c = -log lambda_c float32 (C), or
    NOTHING. A pixel whose k equals k_c is kept; of equals the predicted class wins, then the
    lowest.
    """
    labels = np.empty((height, width), np.uint8)
    args = (window, thresholds, np.float32(0), labels, _NO_VALUES, _NO_SECOND)
    return Made(labels, _compiled().label(grid, scored, height, width, *args))


def entropy_regularised(
    grid: Floats,
    height: int,
    width: int,
    thresholds: Floats,
    alpha: float,
    window: Window = WHOLE,
) -> Made:
    """LRENT's labels: argmax_c p_c / lambda_c where sum_c (p_c / lambda_c)^(1 / alpha) > 1."""
    labels = np.empty((height, width), np.uint8)
    k = np.maximum(thresholds, 0)  # its lambda of a class without sure pixels is 1
    args = (window, k, np.float32(1 / alpha), labels, _NO_VALUES, _NO_SECOND)
    return Made(labels, _compiled().label(grid, NO_PRIOR, height, width, *args))


def judge(
    grid: Floats, labels: Pixels, temperature: float, window: Window = WHOLE
) -> npt.NDArray[np.float64]:
    """quality.Sums of labels uint8 (height, width), by logits float32 (C, h, w) over `window`."""
    sums = np.zeros((5, len(grid)))
    _compiled().judge(grid, labels, window, np.float32(temperature), sums)
    return sums


def everywhere(
    grid: Floats, height: int, width: int, thresholds: Floats, window: Window = WHOLE
) -> Pixels:
    """argmax_c p_c / lambda_c of every pixel, uint8 (height, width)."""
    labels = np.empty((height, width), np.uint8)
    args = (window, np.maximum(thresholds, 0), np.float32(-1), labels, _NO_VALUES, _NO_SECOND)
    _compiled().label(grid, NO_PRIOR, height, width, *args)
    return labels


def voted(
    grid: Floats,
    height: int,
    width: int,
    thresholds: Floats,
    own: float,
    side: int,
    repeats: int,
    window: Window = WHOLE,
) -> Made:
    """CBST's labels, densified by their neighbours' votes (TPLD, Shin et al., 2020).

    A pixel without a label takes the one of its two heaviest classes whose score / lambda is
    higher and at least 1. A class's score is `own` times the pixel's p plus 1 - `own` times the
    mean score of the pixels that have it as a label in the square of `side` pixels around, 0
    without any; that the pool is such a mean is not from the paper. All pixels vote at once,
    `repeats` times.
    """
    heaviest = np.empty((height, width), np.uint8)
    weights, second = (
        np.empty((height, width), np.float32),
        np.empty((2, height, width), np.float32),
    )
    args = (window, thresholds, np.float32(-1), heaviest, weights, second)
    sure = _compiled().label(grid, NO_PRIOR, height, width, *args)
    kept = weights >= 0
    labels = np.where(kept, heaviest, np.uint8(255))
    scores = np.zeros_like(weights)
    scores[kept] = np.exp(np.minimum(weights[kept] - thresholds[heaviest[kept]], 0))
    for _ in range(repeats):
        found = _compiled().vote(
            labels, scores, heaviest, weights, second, thresholds, own, side // 2
        )
        labels, scores = found
    return Made(labels, sure)
