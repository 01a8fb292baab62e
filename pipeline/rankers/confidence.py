"""TPLD's ranking: images by how much of each of their classes is sure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


class Ranker:
    """-(1 / K) sum_k (sure_k / predicted_k) / lambda_k over an image's classes (Shin et al., 2020).

    sure_k of the predicted_k pixels pass lambda_k; low is easy. K is the number of classes that
    the image is predicted to hold, which is not from the paper.
    """

    def scores(self, coverage: pd.DataFrame, thresholds: pd.DataFrame) -> pd.Series:
        """image -> score, low is easy, from one row per image and class."""
        present = coverage[coverage["predicted"] > 0]
        lambdas = present["class"].map(thresholds.set_index("class")["lambda"]).to_numpy(np.float64)
        share = present["sure"] / present["predicted"] / lambdas
        mean: pd.Series = share.groupby(present["image"], sort=True).mean()
        return -mean
