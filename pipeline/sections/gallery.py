"""Section `gallery`."""

from __future__ import annotations

from pydantic import Field

from pipeline.runtime.compute import Compute
from pipeline.runtime.params import Section


class Params(Section):
    """`rounds.<round>.gallery` over `gallery`, with `compute`."""

    images: int = Field(6, ge=1)  # spread evenly over the target
    ends: int = Field(4, ge=1)  # of the easiest and of the hardest
    labels: bool = True  # at their own size, to correct on the page
    compute: Compute = Compute()
