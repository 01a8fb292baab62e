"""Class-balanced self-training."""

from __future__ import annotations

import numpy as np

from pipeline.domain.pixels import Pixels
from pipeline.domain.windows import WHOLE, Window
from pipeline.inference import labelling
from pipeline.inference.labelling import Floats, Made


class Labeler:
    """CBST: the surest `portion` of each class's pixels, labels by argmax_c p_c / lambda_c.

    Zou et al., 2018. Their code takes lambda over every fourth pixel; here it is over all.
    """

    def __init__(self, classes: int, portion: float) -> None:
        self.portion = portion
        self.pools = np.arange(classes)

    def measure(
        self, logits: Floats, height: int, width: int, window: Window = WHOLE
    ) -> tuple[Pixels, Floats, Floats]:
        """Class uint8, score k and entropy float32 (height, width) from logits (C, h, w)."""
        return labelling.measure(logits, height, width, window=window)

    def label(
        self, logits: Floats, height: int, width: int, k: Floats, window: Window = WHOLE
    ) -> Made:
        """Labels of (height, width) from logits float32 (C, h, w) and thresholds k (C)."""
        return labelling.weighted_argmax(logits, height, width, k, window=window)
