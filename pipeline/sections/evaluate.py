"""Section `evaluate`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.runtime.compute import Compute
from pipeline.runtime.params import Section


class Params(Section):
    """Section `evaluate`, with `compute`. Without a size, each label's own."""

    width: int | None = Field(default=None, ge=1)
    height: int | None = Field(default=None, ge=1)
    flip: bool = False
    scales: tuple[Annotated[float, Field(gt=0)], ...] = Field(default=(1.0,), min_length=1)
    batch: int = Field(default=4, ge=1)
    signals: int = Field(default=50, ge=0)  # target images that label-free signals are taken of
    compute: Compute = Compute()
