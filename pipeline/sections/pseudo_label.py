"""Section `pseudo_label`."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from pipeline.runtime.compute import Compute
from pipeline.runtime.params import Section


class Params(Section):
    """`rounds.<round>.pseudo_label` over `pseudo_label`, with `compute`.

    `floor`: no class's lambda, the least confidence that gets a label, is below it, whatever its
    portion.
    """

    labeler: str
    portion: float = Field(gt=0, le=1)
    floor: float = Field(default=0, ge=0, lt=1)
    options: dict[str, Any] = Field(default_factory=dict)
    compute: Compute = Compute()
