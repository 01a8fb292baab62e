"""Class-balanced self-training."""

from __future__ import annotations

import numpy as np

from pipeline import confidence
from pipeline.samples import Pixels


class Labeler:
    """CBST: the surest `portion` of each class's pixels, labels by argmax_c p_c / lambda_c.

    Zou et al., 2018. Their code takes lambda over every fourth pixel; here it is over all.
    """

    def __init__(self, classes: int, portion: float) -> None:
        self.portion = portion
        self.pools = np.arange(classes)

    def label(
        self, logits: confidence.Floats, height: int, width: int, k: confidence.Floats
    ) -> Pixels:
        """Train ids uint8 (height, width) from logits float32 (C, h, w) and thresholds k (C)."""
        labels: Pixels = confidence.weighted_argmax(logits, height, width, k)
        return labels
