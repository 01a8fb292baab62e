"""Section `prepare`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import (
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from pipeline.domain.taxonomy import resolve
from pipeline.runtime.compute import Compute
from pipeline.runtime.params import Section
from pipeline.sections.domain import DomainParams

NONE = "none"
"""The reader of a val without images."""


class ValParams(DomainParams):
    """A labelled domain to evaluate on; a share of a source's images; or, read by NONE, nothing."""

    held_out: float | None = Field(default=None, gt=0, lt=1)  # so many of its images, by name

    @model_validator(mode="before")
    @classmethod
    def _sizeless(cls, given: Any) -> Any:
        """No images have no size that anyone could name."""
        if not isinstance(given, Mapping) or given.get("reader") != NONE:
            return given
        if more := sorted({*given} - {"reader", "root", "width", "height"}):
            raise ValueError(f"the reader {NONE} reads nothing; take out {', '.join(more)}")
        return {"width": 8, "height": 8, **given}


class Params(Section):
    """The classes of the task, target and val, how many good images each must have; `compute`."""

    classes: str | list[str] | dict[str, str]  # a set's name, your names, or name -> colour
    minimum: int = Field(default=1, ge=1)
    target: DomainParams
    val: ValParams
    compute: Compute = Compute()

    @field_validator("classes", mode="wrap")
    @classmethod
    def _named(cls, classes: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        """One message for all kinds: pydantic has one for each that it tries."""
        try:
            return handler(classes)
        except ValidationError as error:
            raise ValueError(
                "must be a set's name, a list of names, or names with colours"
            ) from error

    @field_validator("classes")
    @classmethod
    def _exist(cls, classes: str | list[str] | dict[str, str]) -> str | list[str] | dict[str, str]:
        resolve(classes)
        return classes
