"""SYNTHIA-RAND-CITYSCAPES: 9,400 rendered frames with class ids of their own."""

from __future__ import annotations

from pathlib import Path

from pipeline.domain.pairing import Files, Matched
from pipeline.domain.pixels import RED16

_VALUES: dict[int, str | None] = {
    0: None,  # void
    1: "sky",
    2: "building",
    3: "road",
    4: "sidewalk",
    5: "fence",
    6: "vegetation",
    7: "pole",
    8: "car",
    9: "traffic sign",
    10: "person",
    11: "bicycle",
    12: "motorcycle",
    13: None,  # parking slot
    14: None,  # road work
    15: "traffic light",
    16: "terrain",
    17: "rider",
    18: "truck",
    19: "bus",
    20: "train",
    21: "wall",
    22: None,  # lane marking
}


class Dataset(Matched):
    """The original folders `RGB/*.png` and `GT/LABELS/*.png`; no converted copy is needed.

    Labels are 16-bit RGB PNGs, the class in the first channel and the instance in the second.
    Lane markings are ignored; CRST maps them to road, and so does `lane_marking_is_road`.
    """

    encoding = RED16
    example = "0000000"

    def __init__(self, root: Path, lane_marking_is_road: bool = False) -> None:
        super().__init__(root, Files("RGB"), Files("GT/LABELS"))
        self.values = {**_VALUES, 22: "road" if lane_marking_is_road else None}
