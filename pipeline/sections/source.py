"""Section `source`."""

from __future__ import annotations

from pydantic import Field

from pipeline.sections.domain import DomainParams


class Params(DomainParams):
    """`source.<name>`: a labelled domain, and how many good images it must have."""

    minimum: int = Field(default=1, ge=1)
