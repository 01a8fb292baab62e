"""Dark Zurich: streets by day, at twilight and at night; 50 frames of the night have labels."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pipeline.domain.pairing import Files, Matched, OneOrMore, listed
from pipeline.domain.pixels import INDEX
from pipeline.domain.taxonomy import TRAIN_IDS


class Dataset(Matched):
    """`rgb_anon/<split>/<time>/<sequence>/x_rgb_anon.png` with `gt/.../x_gt_labelTrainIds.png`.

    The split `train` has no labels; `val` has the night alone.
    """

    encoding = INDEX
    values = TRAIN_IDS
    example = "<sequence>/x"

    def __init__(
        self,
        root: Path,
        split: OneOrMore[Literal["train", "val", "test"]],
        time: Literal["day", "twilight", "night"] = "night",
    ) -> None:
        places = tuple(f"{each}/{time}" for each in listed(split))
        super().__init__(
            root,
            Files("rgb_anon", "_rgb_anon", places=places),
            Files("gt", "_gt_labelTrainIds", places=places),
        )
