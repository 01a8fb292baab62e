"""Section `evaluate_translation` of a translation."""

from __future__ import annotations

from pydantic import Field

from pipeline.model.backbone_names import Backbone
from pipeline.runtime.compute import Compute
from pipeline.runtime.params import Section, Seed


class Params(Section):
    """`translations.<name>.evaluate_translation`, with `compute` and `seed`.

    The numbers are not from papers, which take 50,000 images where here are a hundred.
    """

    model: str  # of the untranslated source, for dvc.yaml: the stage is given its file
    adapted: str  # one that knows the target
    features: Backbone | None = None  # null: those of `model`
    images: int = Field(default=100, ge=4)  # evenly chosen from the source, and from the target
    subsets: int = Field(default=100, ge=10)  # halves of these, for the interval of KID
    tolerance: float = Field(default=2.0, ge=0)  # mIoU that may be lost where structure is kept
    width: int = Field(default=512, ge=16)  # of the page's pictures, never more than the images'
    quality: int = Field(default=85, ge=1, le=95)  # JPEG's
    batch: int = Field(default=4, ge=1)
    seed: Seed
    compute: Compute = Compute()
