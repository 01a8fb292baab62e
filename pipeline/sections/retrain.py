"""Section `retrain`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from pipeline.runtime.params import Seed
from pipeline.sections.training import Training


class Params(Training):
    """`rounds.<round>.retrain` over `retrain` over `training`, with `compute` and `seed`."""

    seed: Seed
    steps: int = Field(ge=1)
    objective: str
    options: dict[str, Any] = Field(default_factory=dict)
    source_share: float = Field(0.5, ge=0, le=1)  # of each batch
    hard_share: float = Field(0.0, ge=0, le=1)  # of each batch, hard images that are only aligned
    use: Literal["all", "easy"] = "all"
    source_portion: float = Field(1.0, gt=0, le=1)  # of the source's images, in this round
    source_draw: Literal["fresh", "nested"] = "fresh"  # nested: a larger portion holds a smaller
    corrected_weight: int = Field(1, ge=1, le=1000)  # draws of a corrected image, in each pass
    rare_below: float = Field(1e-3, ge=0, le=1)  # of the predicted pixels; augment.mine mines them
