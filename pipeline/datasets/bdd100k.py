"""BDD100K: 7,000 frames of the 10K subset to train and 1,000 to validate, from American roads."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pipeline.domain.pairing import Files, Matched, OneOrMore, listed
from pipeline.domain.pixels import INDEX
from pipeline.domain.taxonomy import TRAIN_IDS


class Dataset(Matched):
    """`images/10k/<split>/x.jpg` with `labels/sem_seg/masks/<split>/x.png`, as now shipped.

    With `release: seg`, the older archive: `seg/images/<split>/x.jpg` with
    `seg/labels/<split>/x_train_id.png`. Labels are Cityscapes' train ids in both. In both, a few
    images have no label and a few labels no image.
    """

    encoding = INDEX
    values = TRAIN_IDS

    def __init__(
        self,
        root: Path,
        split: OneOrMore[Literal["train", "val", "test"]],
        release: Literal["10k", "seg"] = "10k",
    ) -> None:
        images, labels, suffix = {
            "10k": ("images/10k", "labels/sem_seg/masks", ""),
            "seg": ("seg/images", "seg/labels", "_train_id"),
        }[release]
        super().__init__(
            root,
            Files(images, extensions=(".jpg",), places=listed(split)),
            Files(labels, suffix, places=listed(split)),
        )
