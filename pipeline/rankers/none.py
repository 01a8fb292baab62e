"""No ranking: images in the order of their names."""

from __future__ import annotations

import pandas as pd


class Ranker:
    """Scores every image 0; ties go by name."""

    def scores(self, coverage: pd.DataFrame, thresholds: pd.DataFrame) -> pd.Series:
        """image -> 0.0."""
        names = sorted(coverage["image"].unique())
        return pd.Series(0.0, index=pd.Index(names, name="image"))
