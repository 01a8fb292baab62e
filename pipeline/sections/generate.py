"""Section `generate`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from pipeline import streets
from pipeline.runtime.params import Section, Seed

VAL_FROM = 1_000_000
"""The first validation scene: more training images leave those to validate alone."""


class Params(Section):
    """One world: `images` to train on and, in Cityscapes' layout, `val` others to validate."""

    style: str
    layout: Literal["gta5", "cityscapes"]
    images: int = Field(ge=1, le=VAL_FROM)
    val: int = Field(default=0, ge=0)
    width: int = Field(ge=16, le=16384)
    height: int = Field(ge=16, le=16384)
    seed: Seed

    @field_validator("style")
    @classmethod
    def _known(cls, style: str) -> str:
        if style not in streets.STYLES:
            raise ValueError(f"no such style; choose {', '.join(streets.STYLES)}")
        return style

    @model_validator(mode="after")
    def _has_val(self) -> Params:
        if self.val and self.layout == "gta5":
            raise ValueError("the layout gta5 has no val; set val to 0 or choose cityscapes")
        return self
