"""Section `evaluate`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.runtime.compute import Compute
from pipeline.runtime.params import Section, Seed


class Params(Section):
    """`rounds.<round>.evaluate` over `evaluate`, with `compute` and `seed`.

    Without a size, each label's own. `few` and `seed` are of all models alike.
    """

    seed: Seed = 0
    width: int | None = Field(default=None, ge=1)
    height: int | None = Field(default=None, ge=1)
    flip: bool = False
    scales: tuple[Annotated[float, Field(gt=0)], ...] = Field(default=(1.0,), min_length=1)
    batch: int = Field(default=4, ge=1)
    signals: int = Field(default=50, ge=0)  # target images that label-free signals are taken of
    few: int = Field(default=0, ge=0)  # labelled images, drawn by the seed, to choose a model by
    compute: Compute = Compute()
