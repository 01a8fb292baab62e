"""Section `panels`."""

from __future__ import annotations

from pydantic import Field

from pipeline.runtime.compute import Compute
from pipeline.runtime.params import Section


class Params(Section):
    """Section `panels`, with `compute`."""

    width: int = Field(512, ge=16)  # pixels; the height follows, and neither exceeds the image
    quality: int = Field(85, ge=1, le=95)  # JPEG's
    superpixels: int = Field(1000, ge=0)  # an image, to fill at once on the page; 0: none
    compute: Compute = Compute()
