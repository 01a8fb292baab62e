"""Section `evaluate_translation` of a translation."""

from __future__ import annotations

from pydantic import Field

from pipeline.runtime.compute import Compute
from pipeline.runtime.params import Section, Seed


class Features(Section):
    """A backbone with weights, whose features are compared; docs/networks.md has what there is."""

    backbone: str
    pretrained: str


class Params(Section):
    """`translations.<name>.evaluate_translation`, with `compute` and `seed`.

    The numbers are not from papers, which take 50,000 images where here are some hundreds.
    """

    model: str  # of the untranslated source, for dvc.yaml: the stage is given its file
    adapted: str  # one that knows the target
    features: Features | None = None  # null: those of `model`
    images: int = Field(default=200, ge=4)  # evenly chosen from the source, and from the target
    subsets: int = Field(default=100, ge=10)  # halves of the images, for the interval of KID
    tolerance: float = Field(default=2.0, ge=0)  # mIoU that may be lost where structure is kept
    shown: int = Field(default=40, ge=1)  # on the page
    batch: int = Field(default=4, ge=1)
    seed: Seed
    compute: Compute = Compute()
