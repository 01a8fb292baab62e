"""Label-regularised self-training: entropy of the labels."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.domain.pixels import Pixels
from pipeline.domain.windows import WHOLE, Window
from pipeline.inference import labelling
from pipeline.inference.labelling import Floats, Made


class Labeler:
    """CRST's LRENT: CBST's thresholds, pixels chosen by their soft labels (Zou et al., 2019).

    A pixel is kept where sum_c (p_c / lambda_c)^(1 / alpha) > 1, which is their selection rule in
    another form. Here it gets the heaviest class; retrain's `soft_alpha` makes the soft label of
    it again from the stored logits, so that no map of probabilities is stored.
    """

    def __init__(
        self, classes: int, portion: float, alpha: Annotated[float, Field(gt=0)] = 0.25
    ) -> None:
        self.portion = portion
        self.pools = np.arange(classes)
        self.alpha = alpha

    def measure(
        self, logits: Floats, height: int, width: int, window: Window = WHOLE
    ) -> tuple[Pixels, Floats, Floats]:
        """Class uint8, score k and entropy float32 (height, width) from logits (C, h, w)."""
        return labelling.measure(logits, height, width, window=window)

    def label(
        self, logits: Floats, height: int, width: int, k: Floats, window: Window = WHOLE
    ) -> Made:
        """Labels of (height, width) from logits float32 (C, h, w) and thresholds k (C)."""
        return labelling.entropy_regularised(logits, height, width, k, self.alpha, window)
