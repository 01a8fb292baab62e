"""Section `prior`."""

from __future__ import annotations

from pydantic import Field

from pipeline.runtime.params import Section


class Params(Section):
    """Section `prior`. The defaults are not from the paper, whose code comes with finished maps."""

    source: str | None = None  # its name, for dvc.yaml; the stage is given its index
    stride: int = Field(8, ge=1)  # pixels of the working size a cell
    sigma: float = Field(3.0, ge=0, le=1000)  # of the Gaussian that smooths, in cells
    floor: float = Field(1e-4, gt=0, lt=1)  # of a class that was never seen at a place
    images: int | None = Field(None, ge=1)  # this many, evenly chosen; null is all
