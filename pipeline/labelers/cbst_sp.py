"""Class-balanced self-training with spatial priors."""

from __future__ import annotations

import numpy as np
from PIL import Image

from pipeline.domain.pixels import Pixels
from pipeline.inference import labelling
from pipeline.inference.labelling import Floats, Made


class Labeler:
    """CBST-SP: CBST on q_c p_c in place of p_c: for class, confidence, lambda and label.

    Zou et al., 2018. q is the share of class c at a place of the source's labels; it is not
    renormalised. Only labels come from it, as in their code.
    """

    def __init__(self, classes: int, portion: float, prior: Floats) -> None:
        self.portion = portion
        self.pools = np.arange(classes)
        self._prior = prior  # (C, rows, columns), on a grid of its own
        self._logs: dict[tuple[int, ...], Floats] = {}

    def measure(self, logits: Floats, height: int, width: int) -> tuple[Pixels, Floats, Floats]:
        """Class uint8, score k and entropy float32 (height, width) from logits (C, h, w)."""
        return labelling.measure(logits, height, width, self._scored(logits))

    def label(self, logits: Floats, height: int, width: int, k: Floats) -> Made:
        """Labels of (height, width) from logits float32 (C, h, w) and thresholds k (C)."""
        return labelling.weighted_argmax(logits, height, width, k, self._scored(logits))

    def _scored(self, logits: Floats) -> Floats:
        rows, columns = logits.shape[1:]
        if (rows, columns) not in self._logs:
            maps = [Image.fromarray(np.ascontiguousarray(q)) for q in self._prior]
            size = (columns, rows)
            fitted = [np.asarray(m.resize(size, Image.Resampling.BILINEAR)) for m in maps]
            self._logs[rows, columns] = np.log(np.stack(fitted))
        return logits + self._logs[rows, columns]
