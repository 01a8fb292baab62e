"""Section `fit_translator` of a translation."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from pipeline.runtime.compute import Compute
from pipeline.runtime.params import Section


class Params(Section):
    """`translations.<name>.fit_translator`: which translator, and what images are to look like.

    `references`, of a translator that is measured: each one as a target image that its key draws,
    or all as the mean of the target.
    """

    translator: str
    options: dict[str, Any] = Field(default_factory=dict)
    references: Literal["random", "mean"] = "random"
    segmenter: str  # a model, for dvc.yaml: the stage is given its file; "none": it takes none
    training: dict[str, Any] | None = None  # of one that is trained: sections/train_translator.py
    compute: Compute = Compute()
