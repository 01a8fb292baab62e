"""Class-balanced self-training with spatial priors."""

from __future__ import annotations

import numpy as np
from PIL import Image

from pipeline.domain.pixels import Pixels
from pipeline.domain.windows import WHOLE, Window, weights
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
        self._logs: dict[tuple[tuple[int, ...], Window], Floats] = {}

    def measure(
        self, logits: Floats, height: int, width: int, window: Window = WHOLE
    ) -> tuple[Pixels, Floats, Floats]:
        """Class uint8, score k and entropy float32 (height, width) from logits (C, h, w)."""
        return labelling.measure(logits, height, width, self._scored(logits, window), window)

    def label(
        self, logits: Floats, height: int, width: int, k: Floats, window: Window = WHOLE
    ) -> Made:
        """Labels of (height, width) from logits float32 (C, h, w) and thresholds k (C)."""
        scored = self._scored(logits, window)
        return labelling.weighted_argmax(logits, height, width, k, scored, window)

    def _scored(self, logits: Floats, window: Window) -> Floats:
        key = (logits.shape[1:], window)
        if key not in self._logs:
            self._logs[key] = np.log(_fitted(self._prior, *key))
        return logits + self._logs[key]


def _fitted(prior: Floats, cells: tuple[int, ...], window: Window) -> Floats:
    """The prior of each cell: of cells (rows, columns) that cover `window`."""
    if window == WHOLE:
        maps = [Image.fromarray(np.ascontiguousarray(q)) for q in prior]
        size = (cells[1], cells[0])
        return np.stack([np.asarray(m.resize(size, Image.Resampling.BILINEAR)) for m in maps])
    down = weights(prior.shape[1], (0.0, 1.0), cells[0], window[1::2])
    across = weights(prior.shape[2], (0.0, 1.0), cells[1], window[::2])
    return (down @ prior @ across.T).astype(np.float32)
