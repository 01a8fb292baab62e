"""Section `source`."""

from __future__ import annotations

from pydantic import Field

from pipeline.runtime.compute import Compute
from pipeline.sections.domain import DomainParams


class Params(DomainParams):
    """`source.<name>`: a labelled domain, and how many good images it must have; `compute`."""

    minimum: int = Field(default=1, ge=1)
    compute: Compute = Compute()
