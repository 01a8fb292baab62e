"""IoU from one confusion matrix over a whole set.

IoU = TP / (TP + FP + FN) over the pixels whose truth is not IGNORE. A class that is absent from
the truth has none (NaN) and is left out of every mean, so that means of two models on the same
images are over the same classes. cityscapesscripts gives 0 to such a class where it is predicted;
Cityscapes' val has all 19 classes, and there the two agree.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from pipeline.domain.pixels import Pixels
from pipeline.domain.taxonomy import IGNORE, Taxonomy


class Confusion:
    """matrix int64 (C, C + 1): truth by prediction, the last column IGNORE (no prediction)."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.matrix = np.zeros((classes, classes + 1), np.int64)

    def add(self, truth: Pixels, prediction: Pixels) -> None:
        """uint8 (h, w) both. Raises ValueError where shapes differ."""
        if truth.shape != prediction.shape:
            raise ValueError(f"truth {truth.shape} and prediction {prediction.shape} differ")
        n = self.classes
        # one count over pairs of bytes: no mask, no wide integers until the end
        pairs = np.bincount((truth.astype(np.uint16) << 8 | prediction).ravel(), minlength=1 << 16)
        pairs = pairs.reshape(256, 256)
        self.matrix[:, :n] += pairs[:n, :n]
        self.matrix[:, n] += pairs[:n, IGNORE] if n <= IGNORE else 0

    def iou(self) -> npt.NDArray[np.float64]:
        """Per class, in percent, NaN where the truth lacks the class."""
        hits = self.matrix[:, : self.classes].diagonal()
        truth = self.matrix.sum(1)
        union = truth + self.matrix[:, : self.classes].sum(0) - hits
        return _percent(hits, np.where(truth > 0, union, 0))

    def precision(self) -> npt.NDArray[np.float64]:
        """Per predicted class, in percent of its predicted pixels with a truth."""
        square = self.matrix[:, : self.classes]
        return _percent(square.diagonal(), square.sum(0))

    def coverage(self) -> npt.NDArray[np.float64]:
        """Per class of the truth, its pixels that are predicted at all, in percent."""
        return _percent(self.matrix[:, : self.classes].sum(1), self.matrix.sum(1))

    def accuracy(self) -> float | None:
        """Right pixels in percent of the predicted ones with a truth."""
        square = self.matrix[:, : self.classes]
        return percent(square.trace(), square.sum())


def summary(iou: npt.NDArray[np.float64], taxonomy: Taxonomy) -> dict[str, float | None]:
    """{"miou", "miou16", "miou13", "rare"} in percent; None where there is no such subset."""
    rows: dict[str, Iterable[str]] = {"miou": taxonomy.names, **taxonomy.subsets}
    found = {key: _mean(iou, taxonomy, names) for key, names in rows.items()}
    return {key: found.get(key) for key in ("miou", "miou16", "miou13", "rare")}


def _mean(iou: npt.NDArray[np.float64], taxonomy: Taxonomy, names: Iterable[str]) -> float | None:
    values = iou[[taxonomy.names.index(name) for name in names]]
    return None if np.isnan(values).all() else round(float(np.nanmean(values)), 6)


def _percent(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    ratio: npt.NDArray[np.float64] = 100 * part / np.where(whole > 0, whole, np.nan)
    return ratio


def percent(part: int, whole: int) -> float | None:
    """`part` in percent of `whole`, None of nothing."""
    return round(100 * int(part) / int(whole), 6) if whole else None
