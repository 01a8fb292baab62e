"""ACDC: Swiss streets in fog, at night, in rain and in snow, 1,600 frames to train."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pipeline.domain.pairing import Files, Matched, OneOrMore, listed
from pipeline.domain.pixels import INDEX
from pipeline.domain.taxonomy import LABEL_IDS, TRAIN_IDS

_CONDITIONS = ("fog", "night", "rain", "snow")


class Dataset(Matched):
    """`rgb_anon/<condition>/<split>/<sequence>/x_rgb_anon.png` and `gt/.../x_gt_labelTrainIds.png`.

    All four conditions, unless one is named. `ids: labelIds` reads the other of the two label maps
    that are shipped. The frames in clear weather (`train_ref`, ...) are not read.
    """

    encoding = INDEX
    example = "<sequence>/x"

    def __init__(
        self,
        root: Path,
        split: OneOrMore[Literal["train", "val", "test"]],
        condition: Literal["fog", "night", "rain", "snow"] | None = None,
        ids: Literal["labelTrainIds", "labelIds"] = "labelTrainIds",
    ) -> None:
        named = _CONDITIONS if condition is None else (condition,)
        places = tuple(f"{one}/{each}" for one in named for each in listed(split))
        super().__init__(
            root,
            Files("rgb_anon", "_rgb_anon", places=places),
            Files("gt", f"_gt_{ids}", places=places),
        )
        self.values = TRAIN_IDS if ids == "labelTrainIds" else LABEL_IDS
