"""What the good images of the domains hold: pixels by class, and shapes that are squeezed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.domain.samples import Domain
from pipeline.domain.taxonomy import Taxonomy

Counts = npt.NDArray[np.int64]

SQUEEZED = 1.5
"""Of an image's proportions to the working size's: from here on it is told."""

_MEANS = {"source": "no model can learn it", "val": "its IoU says nothing"}


def table(pixels: Mapping[str, Counts], taxonomy: Taxonomy) -> pd.DataFrame:
    """One row a class, and how many pixels each domain of `pixels` has of it.

    `pixels` int64 (256) by domain: of each train id at the working size.
    """
    counts = {domain: of[: len(taxonomy)] for domain, of in pixels.items()}
    return pd.DataFrame({"class": taxonomy.names, **counts})


def lacking(found: pd.DataFrame) -> Iterator[str]:
    """A sentence for each domain of `table` that has no pixel of some classes."""
    for domain, means in _MEANS.items():
        names = found.loc[found[domain] == 0, "class"].tolist()
        if names:
            yield (
                f"{domain}: no pixel of {len(names)} of {len(found)} classes ({', '.join(names)}): "
                f"{means}; see whether a value is missing from label_map, or is ignored"
            )


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
