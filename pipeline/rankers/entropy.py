"""IntraDA's ranking: images by their mean entropy."""

from __future__ import annotations

import pandas as pd


class Ranker:
    """Mean over an image's pixels of the normalised entropy, ascending (Pan et al., 2020)."""

    def scores(self, coverage: pd.DataFrame, thresholds: pd.DataFrame) -> pd.Series:
        """image -> score, low is easy, from one row per image and class."""
        total = coverage["mean_entropy"].fillna(0) * coverage["predicted"]
        sums = (
            pd.DataFrame(
                {"image": coverage["image"], "entropy": total, "pixels": coverage["predicted"]}
            )
            .groupby("image", sort=True)[["entropy", "pixels"]]
            .sum()
        )
        return sums["entropy"] / sums["pixels"]
