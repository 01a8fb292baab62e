"""Section `prepare`."""

from __future__ import annotations

from pydantic import Field, field_validator

from pipeline.domain.taxonomy import resolve
from pipeline.runtime.params import Section
from pipeline.sections.domain import DomainParams


class Params(Section):
    """The classes of the task, target and val, and how many good images each must have."""

    classes: str | list[str]
    minimum: int = Field(default=1, ge=1)
    target: DomainParams
    val: DomainParams

    @field_validator("classes")
    @classmethod
    def _exist(cls, classes: str | list[str]) -> str | list[str]:
        resolve(classes)
        return classes
