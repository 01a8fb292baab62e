"""IntraDA's ranking: images by their mean entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_RARE = (
    *("wall", "fence", "pole", "traffic light", "traffic sign", "terrain"),
    *("rider", "truck", "bus", "train", "motorcycle"),
)


class Ranker:
    """Mean over an image's pixels of the normalised entropy, ascending (Pan et al., 2020).

    `normaliser`, an option of their code: times 1.5 less the share of the classes `rare` that the
    image is predicted to hold, so that images with rare classes count as easier.
    """

    def __init__(self, normaliser: bool = False, rare: tuple[str, ...] = _RARE) -> None:
        self.rare = rare if normaliser else ()

    def scores(self, coverage: pd.DataFrame, thresholds: pd.DataFrame) -> pd.Series:
        """image -> score, low is easy, from one row per image and class."""
        total = coverage["mean_entropy"].fillna(0) * coverage["predicted"]
        rare = coverage["class"].isin(self.rare) & (coverage["predicted"] > 0)
        table = coverage.assign(entropy=total, pixels=coverage["predicted"], rare=rare)
        sums = table.groupby("image", sort=True)[["entropy", "pixels", "rare"]].sum()
        mean = sums["entropy"] / sums["pixels"]
        return mean * (1.5 - sums["rare"] / len(self.rare)) if self.rare else mean
