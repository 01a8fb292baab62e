"""What the good images of the domains hold: pixels by class, and shapes that are squeezed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.domain.samples import Domain
from pipeline.domain.taxonomy import IGNORE, Taxonomy

Counts = npt.NDArray[np.int64]

SQUEEZED = 1.5
"""Of an image's proportions to the working size's: from here on it is told."""


def of_sample(pixels: Counts) -> tuple[int, ...]:
    """What an index keeps of an image's `pixels` (256): of each class, up to the last it has."""
    return tuple(np.trim_zeros(pixels[:IGNORE], "b").tolist())


def table(pixels: Counts, taxonomy: Taxonomy) -> pd.DataFrame:
    """One row a class, and how many pixels of it there are.

    `pixels` int64 (256): of each train id at the working size.
    """
    return pd.DataFrame({"class": taxonomy.names, "pixels": pixels[: len(taxonomy)]})


def lacking(where: str, found: pd.DataFrame, means: str) -> Iterator[str]:
    """A sentence, where a domain has no pixel of some classes in its `table`."""
    if names := found.loc[found["pixels"] == 0, "class"].tolist():
        yield (
            f"{where}: no pixel of {len(names)} of {len(found)} classes ({', '.join(names)}): "
            f"{means}; see whether a value is missing from label_map, or is ignored"
        )


HELD_OUT = (
    "val: its images are held out of a source, so its mIoU tells how good a model is there, and "
    "not on the target"
)
UNLEARNED = "no model can learn it"
UNMEASURED = "its IoU says nothing"
"""What `lacking` means for a source, and for val; before them what a val that is held out means."""


def squeezed(name: str, domain: Domain) -> Iterator[str]:
    """A sentence, where images have quite other proportions than the working size."""
    width, height = domain.size
    ratios = [sample.width * height / (sample.height * width) for sample in domain.samples]
    worst = [(max(ratio, 1 / ratio), index) for index, ratio in enumerate(ratios)]
    found = [index for ratio, index in worst if ratio > SQUEEZED]
    if found:
        by, index = max(worst)
        sample = domain.samples[index]
        yield (
            f"{name}: {len(found)} of {len(ratios)} images have other proportions than the working "
            f"size {width}x{height}: {sample.image} ({sample.width}x{sample.height}) is squeezed "
            f"{by:.1f} times; keep upright and wide images apart, or crop them"
        )
