"""IDD, the India Driving Dataset: 26 classes of Indian roads, of which 17 are Cityscapes'."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pipeline.domain.pairing import Files, Matched, OneOrMore, listed
from pipeline.domain.pixels import INDEX
from pipeline.domain.taxonomy import TRAIN_IDS

_LEVEL_3: dict[int, str | None] = {
    **dict.fromkeys((*range(26), 255)),
    0: "road",
    2: "sidewalk",
    4: "person",  # and animals
    5: "rider",
    6: "motorcycle",
    7: "bicycle",
    9: "car",
    10: "truck",
    11: "bus",
    14: "wall",
    15: "fence",
    18: "traffic sign",
    19: "traffic light",
    20: "pole",
    22: "building",
    24: "vegetation",
    25: "sky",  # and what is left of the background
}
_IDS: dict[int, str | None] = {
    **dict.fromkeys((*range(40), 255)),
    0: "road",
    3: "sidewalk",
    5: "terrain",  # "non-drivable fallback", which its authors' csTrainId makes terrain
    6: "person",
    8: "rider",
    9: "motorcycle",
    10: "bicycle",
    12: "car",
    13: "truck",
    14: "bus",
    17: "train",
    20: "wall",
    21: "fence",
    24: "traffic sign",
    25: "traffic light",
    26: "pole",
    29: "building",
    32: "vegetation",
    33: "sky",
}
_VALUES = {"level3Ids": _LEVEL_3, "ids": _IDS, "csTrainIds": TRAIN_IDS}


class Dataset(Matched):
    """`leftImg8bit/<split>/<sequence>/x_leftImg8bit.{png,jpg}` with maps of gtFine.

    It is shipped with polygons; its public code makes `x_gtFine_labellevel3Ids.png` of them,
    `x_gtFine_labelids.png` or `x_gtFine_labelcsTrainIds.png`, which `ids` chooses from.
    """

    encoding = INDEX
    example = "<sequence>/x"

    def __init__(
        self,
        root: Path,
        split: OneOrMore[Literal["train", "val", "test"]],
        ids: Literal["level3Ids", "ids", "csTrainIds"] = "level3Ids",
    ) -> None:
        super().__init__(
            root,
            Files("leftImg8bit", "_leftImg8bit", (".png", ".jpg"), places=listed(split)),
            Files("gtFine", f"_gtFine_label{ids}", places=listed(split)),
        )
        self.values = _VALUES[ids]
