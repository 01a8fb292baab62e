"""What people's corrections changed of the labels that a labeler made: pixels by class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.domain.pixels import Pixels
from pipeline.domain.taxonomy import Taxonomy

Pairs = npt.NDArray[np.int64]
"""Pixels (C + 1, C + 1) by the class that was made and the corrected one, the last of neither."""


def pairs(made: Pixels, corrected: Pixels, classes: int) -> Pairs:
    """Of two labels uint8 (height, width) of one image."""
    ids = [np.minimum(label, classes).astype(np.int64) for label in (made, corrected)]
    both = np.bincount((ids[0] * (classes + 1) + ids[1]).ravel(), minlength=(classes + 1) ** 2)
    return both.reshape(classes + 1, classes + 1)


def table(found: Mapping[str, Pairs], taxonomy: Taxonomy) -> pd.DataFrame:
    """By image: a row for each two classes that meet in it: image, made, corrected, pixels.

    A pixel without a label has no class: "".
    """
    names = (*taxonomy.names, "")
    rows = [
        (image, names[one], names[other], int(counts[one, other]))
        for image, counts in found.items()
        for one, other in np.argwhere(counts).tolist()
    ]
    return pd.DataFrame(rows, columns=["image", "made", "corrected", "pixels"])
