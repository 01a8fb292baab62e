"""Which source image is drawn next, so that rare classes are seen as often as others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.domain.samples import Sample
from pipeline.runtime.files import BadInput
from pipeline.runtime.params import Section


class SamplingParams(Section):
    """Rare-class sampling (Hoyer et al., DAFormer, 2022), whose pixels are shares here.

    Of an image 3,000 pixels of GTA5's two million, of a crop 1,500 of 512 x 512.
    """

    temperature: float = Field(default=0.01, gt=0, le=1e6)
    image: float = Field(default=0.0015, ge=0, lt=1)  # a class is held by images with more of it
    crop: float = Field(default=0.0057, ge=0, lt=1)  # a crop is drawn anew while it has no more
    tries: int = Field(default=10, ge=1, le=1000)  # the last crop counts, whatever it has


class RareClasses:
    """A class by its `chances` (C), softmax((1 - frequency) / temperature), then an image of it.

    Frequencies are of all the labelled pixels; a class that no image holds is never drawn. Raises
    BadInput where the index of the `samples` has no counts, or no image holds a class.
    """

    def __init__(self, params: SamplingParams, samples: Sequence[Sample]) -> None:
        self.params = params
        pixels = _counted(samples)
        shares = pixels / np.maximum(pixels.sum(1, keepdims=True), 1)
        self.holders = [np.flatnonzero(own > params.image) for own in shares.T]
        held = np.array([bool(len(own)) for own in self.holders], dtype=bool)
        if not held.any():
            raise BadInput(
                f"training.sampling.image = {params.image}: no source image has so much of a "
                "class; lower it"
            )
        frequency = pixels.sum(0) / pixels.sum()
        weight = np.where(held, (1 - frequency) / params.temperature, -np.inf)
        self.chances = np.exp(weight - weight.max())
        self.chances /= self.chances.sum()

    def draw(self, key: tuple[int, ...]) -> tuple[int, int]:
        """The class, and which sample; `key` alone decides."""
        rng = np.random.default_rng(key)
        chosen = int(rng.choice(len(self.chances), p=self.chances))
        return chosen, int(rng.choice(self.holders[chosen]))


def _counted(samples: Sequence[Sample]) -> npt.NDArray[np.float64]:
    """Pixels of each class in each sample, (samples, classes)."""
    missing = [sample.image for sample in samples if sample.pixels is None]
    if missing:
        raise BadInput(
            f"training.sampling: the source's index does not count the classes of {missing[0]}; "
            "run dvc repro"
        )
    each = [sample.pixels or () for sample in samples]
    found = np.zeros((len(each), max(map(len, each), default=0)))
    for row, counts in zip(found, each, strict=True):
        row[: len(counts)] = counts
    return found
