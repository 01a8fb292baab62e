"""How far a round's labels can be trusted, without a truth: from what the teacher says of them.

The score is cleanlab's for segmentation (Lad and Mueller, 2023): a pixel's is the probability of
its label, and that of many pixels their softmin, sum_i s_i w_i with w softmax((1 - s) / 0.1).
Low is doubtful. It is over the pixels that have a label, all of an image or those of a class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.domain.pixels import Pixels
from pipeline.domain.taxonomy import Taxonomy
from pipeline.inference.labelling import judge
from pipeline.inference.predictions import Flips, Prediction

TEMPERATURE = 0.1
"""Of the softmin: cleanlab's own."""

Sums = npt.NDArray[np.float64]
"""(5, C), over the pixels of each label: 1, s, w, w s, and whether another class is predicted."""


class Judged(NamedTuple):
    """What an image's labels are judged by."""

    sums: Sums
    flips: Flips | None


def of(found: Prediction, labels: Pixels) -> Judged:
    """`labels` uint8 (height, width) of an image, by its prediction."""
    grid = found.logits.astype(np.float32)
    return Judged(judge(grid, labels, TEMPERATURE, found.window), found.flips)


def table(images: Sequence[str], judged: Sequence[Judged], taxonomy: Taxonomy) -> pd.DataFrame:
    """A row for each image and class, and one of class "" for the whole image.

    labelled: pixels; quality: their score; confidence: the mean probability of the label;
    disagreement: the share of them that the teacher predicts otherwise; flip: of the cells of its
    prediction of this class, the share in which image and mirror image differ. NaN of nothing.
    """
    sums = np.stack([_with_total(one.sums) for one in judged])
    pixels, confidence, weights, scores, other = np.moveaxis(sums, 1, 0).reshape(5, -1)
    nothing = np.full((2, len(taxonomy) + 1), np.nan)
    flips = [nothing if j.flips is None else _with_total(np.array(j.flips, float)) for j in judged]
    cells, unlike = np.moveaxis(np.stack(flips), 1, 0).reshape(2, -1)
    with np.errstate(invalid="ignore"):
        return pd.DataFrame(
            {
                "image": pd.Index(images).repeat(len(taxonomy) + 1),
                "class": np.tile([*taxonomy.names, ""], len(images)),
                "labelled": pixels.astype(np.int64),
                "quality": (scores / weights).astype(np.float32),
                "confidence": (confidence / pixels).astype(np.float32),
                "disagreement": (other / pixels).astype(np.float32),
                "flip": (unlike / cells).astype(np.float32),
            }
        )


def _with_total(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(k, C) -> (k, C + 1): the last column is the sum of the others."""
    return np.append(counts, counts.sum(1, keepdims=True), axis=1)
