"""How an image is cut and coloured for training, in numbers, and what comes of it."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import Field, field_validator
from torch import Tensor

from pipeline.runtime.params import Section

Factor = Annotated[float, Field(ge=0.05, le=20)]


class AugmentParams(Section):
    """Scale is uniform in [low, high]; a crop larger than the image is padded with IGNORE."""

    crop_width: int = Field(ge=1, le=16384)
    crop_height: int = Field(ge=1, le=16384)
    scale: tuple[Factor, Factor] = (1.0, 1.0)
    flip: float = Field(default=0.5, ge=0, le=1)
    # strength of brightness, contrast and saturation; a quarter of it for hue
    colour: float = Field(default=0.0, ge=0, le=2)
    blur: float = Field(default=0.0, ge=0, le=1)  # chance of a slight Gaussian blur
    mine: float = Field(default=0.0, ge=0, le=1)  # chance of a crop around a rare class (CBST: 0.8)

    @field_validator("scale")
    @classmethod
    def _rises(cls, scale: tuple[float, float]) -> tuple[float, float]:
        if scale[0] > scale[1]:
            raise ValueError("the first is the lower one")
        return scale


class Mix(Section):
    """ClassMix, and how the mixture is coloured and blurred (Tranheden et al., DACS, 2021)."""

    share: float = Field(default=0.5, ge=0, le=1)  # of a source crop's classes, rounded up
    # strength of brightness, contrast, saturation and hue (DAFormer: 0.2), and its chance
    colour: float = Field(default=0.25, ge=0, le=0.5)
    chance: float = Field(default=0.8, ge=0, le=1)
    blur: float = Field(default=0.5, ge=0, le=1)  # its chance; sigma is uniform in 0.15 to 1.15


class Mask(Section):
    """Blocks of a target crop that are hidden (Hoyer et al., MIC, 2023)."""

    size: int = Field(default=64, ge=1, le=16384)  # pixels of a block's side
    ratio: float = Field(default=0.7, ge=0, le=1)  # the chance that a block is hidden


class View(NamedTuple):
    """uint8 (3, H, W) and (H, W) of the crop's size, and where the crop lies in the image.

    `window` float32 (4): left, top, right and bottom as fractions of the image's sides, beyond 0
    and 1 where it was padded; right is below left where it was flipped.
    """

    image: Tensor
    label: Tensor
    window: Tensor
