"""Section `infer`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.runtime.compute import Compute
from pipeline.runtime.params import Section

Scale = Annotated[float, Field(ge=0.05, le=20)]


class Params(Section):
    """`rounds.<round>.infer` over `infer`, with `compute`."""

    stride: int = Field(default=8, ge=1)
    flip: bool = False
    scales: tuple[Scale, ...] = Field(default=(1.0,), min_length=1)
    batch: int = Field(default=4, ge=1)
    compute: Compute = Compute()
