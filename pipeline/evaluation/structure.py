"""Whether a translation left things in their places: what became of each class, and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.domain.pixels import Pixels
from pipeline.domain.taxonomy import Taxonomy
from pipeline.evaluation import scores


class Changes:
    """matrix int64 (C, C): pixels by their class before, and the one after."""

    def __init__(self, classes: int) -> None:
        self.matrix = np.zeros((classes, classes), np.int64)

    def add(self, before: Pixels, after: Pixels) -> float:
        """Predictions uint8 (h, w) both; the share of pixels of another class."""
        classes = len(self.matrix)
        pairs = np.bincount(
            before.ravel().astype(np.intp) * classes + after.ravel(), minlength=classes**2
        )
        self.matrix += pairs.reshape(classes, classes)
        return float((before != after).mean())

    def agreement(self) -> float:
        """Pixels of the same class, in percent."""
        return float(100 * self.matrix.trace() / self.matrix.sum())

    def table(self, names: Sequence[str]) -> pd.DataFrame:
        """A row for each class that became another: before, after, pixels, and % of the before."""
        of = self.matrix.sum(1)
        rows = [
            (names[i], names[j], int(self.matrix[i, j]), 100 * self.matrix[i, j] / of[i])
            for i, j in np.argwhere(self.matrix)
            if i != j
        ]
        table = pd.DataFrame(rows, columns=["before", "after", "pixels", "percent"])
        order = ["pixels", "before", "after"]
        return table.sort_values(order, ascending=[False, True, True], ignore_index=True)


class Judge:
    """What a model says of the same images before and after, beside their labels."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self.confusions = scores.Confusion(len(taxonomy)), scores.Confusion(len(taxonomy))
        self.changes = Changes(len(taxonomy))

    def add(self, label: Pixels, before: Pixels, after: Pixels) -> float:
        """Train ids uint8 (h, w); the share of pixels that became another class."""
        for confusion, prediction in zip(self.confusions, (before, after), strict=True):
            confusion.add(label, prediction)
        return self.changes.add(before, after)

    def mious(self) -> Mious:
        """Of the labels that there are."""
        found = [scores.summary(c.iou(), self.taxonomy)["miou"] for c in self.confusions]
        return Mious(*(value or 0.0 for value in found))


class Mious(NamedTuple):
    """In percent."""

    before: float
    after: float

    @property
    def lost(self) -> float:
        """Percent that there were before, and are not after."""
        return self.before - self.after


def verdict(closer: bool, model: Mious, adapted: Mious, tolerance: float) -> str:
    """In words, as no single number says it.

    Structure is kept where the model that knows the target loses no more than `tolerance`: the one
    of the source alone falls with any strong style, be the picture right or not.
    """
    told = _VERDICTS[closer, adapted.lost <= tolerance]
    if adapted.lost <= tolerance < model.lost:
        told += (
            f"; the model of the source falls from {model.before:.1f} to {model.after:.1f}, as a "
            "strong style makes it"
        )
    return told


_VERDICTS = {
    (True, True): "closer to the target, and classes stay where the labels say: a translation",
    (True, False): (
        "closer to the target, but classes leave the places where the labels say: closeness "
        "without structure is hallucination"
    ),
    (False, True): (
        "classes stay where the labels say, but images are no closer to the target: structure "
        "without closeness is no translation"
    ),
    (False, False): (
        "no closer to the target, and classes leave the places where the labels say: a loss"
    ),
}
"""Whether it is closer, and whether structure is kept."""
