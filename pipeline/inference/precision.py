"""How good a round's pseudo-labels are, by the truth of those images that have one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.domain.samples import Domain
from pipeline.domain.taxonomy import IGNORE
from pipeline.evaluation import scores
from pipeline.inference.pseudo import PseudoLabelled
from pipeline.runtime import work

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PseudoLabels:
    """A round's labels, and the truth of those target images that have one."""

    labels: PseudoLabelled
    truth: Domain
    thresholds: pd.DataFrame | None = None


def quality(
    pseudo: PseudoLabels, where: str | None = None
) -> tuple[scores.Confusion, float | None]:
    """Truth by pseudo-label over the images with a truth.

    And the labelled share of all pixels that count in percent, None of none.
    """
    confusion = scores.Confusion(pseudo.labels.classes)
    places = {sample.image: index for index, sample in enumerate(pseudo.truth.samples)}
    truths = [places.get(sample.image) for sample in pseudo.labels.samples]
    labelled = total = 0
    images = [*enumerate(truths)]
    for own, pixels, matrix in work.each(partial(_compared, pseudo), images, where):
        labelled, total = labelled + own, total + pixels
        confusion.matrix += matrix
    return confusion, scores.percent(labelled, total)


def _compared(pseudo: PseudoLabels, image: tuple[int, int | None]) -> tuple[int, int, Counts]:
    """Of an image, by its index and that of its truth: labelled pixels, all that count, matrix."""
    index, truth = image
    label, inside = pseudo.labels.label(index), pseudo.labels.domain.region(index)
    found = scores.Confusion(pseudo.labels.classes)
    if truth is not None:
        found.add(pseudo.truth.label(truth), label)
    total = label.size if inside is None else int(inside.sum())
    return int((label != IGNORE).sum()), total, found.matrix
