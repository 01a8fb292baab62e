"""Section `warmup`."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from pipeline.runtime.params import Seed
from pipeline.sections.training import Training


class Params(Training):
    """`warmup.<name>` over `training`, with `compute` and `seed`."""

    seed: Seed
    steps: int = Field(ge=1)
    start: str = Field(alias="from")
    objective: str
    options: dict[str, Any] = Field(default_factory=dict)
    source_share: float = Field(0.5, ge=0, le=1)
