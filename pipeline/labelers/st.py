"""Self-training with one threshold for all classes."""

from __future__ import annotations

import numpy as np

from pipeline import confidence
from pipeline.samples import Pixels


class Labeler:
    """ST: the surest `portion` of all target pixels, whatever their class (Zou et al., 2018)."""

    def __init__(self, classes: int, portion: float) -> None:
        self.portion = portion
        self.pools = np.zeros(classes, np.int64)

    def label(
        self, logits: confidence.Floats, height: int, width: int, k: confidence.Floats
    ) -> Pixels:
        """Train ids uint8 (height, width) from logits float32 (C, h, w) and thresholds k (C)."""
        labels: Pixels = confidence.weighted_argmax(logits, height, width, k)
        return labels
