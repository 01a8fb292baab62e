"""A domain whose labels are pseudo-labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.domain.pictures import read_label_map
from pipeline.domain.pixels import Pixels, resize_label
from pipeline.domain.samples import Domain, Sample
from pipeline.domain.taxonomy import IGNORE
from pipeline.inference.predictions import Predictions


@dataclass(frozen=True)
class PseudoLabelled:
    """A domain's images with label maps of their names from `folder`; IGNORE without one.

    `logits`, where labels may be soft: the teacher's, by the same index.
    """

    domain: Domain
    folder: Path | None
    classes: int
    logits: Predictions | None = None

    @property
    def samples(self) -> Sequence[Sample]:
        """The domain's own."""
        return self.domain.samples

    def __len__(self) -> int:
        return len(self.domain)

    def image(self, index: int) -> Pixels:
        """RGB at the domain's working size."""
        return self.domain.image(index)

    def label(self, index: int) -> Pixels:
        """uint8 (height, width) at the domain's working size."""
        if self.folder is None:
            return np.full(self.domain.size[::-1], IGNORE, np.uint8)
        path = self.folder / f"{self.samples[index].name}.png"
        return resize_label(read_label_map(path, self.classes), self.domain.size)
