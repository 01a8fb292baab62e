"""SYNTHIA-RAND-CITYSCAPES: 9,400 rendered frames with class ids of their own."""

from __future__ import annotations

from pathlib import Path

from pipeline.domain.pixels import RED16
from pipeline.domain.samples import Pair
from pipeline.runtime.files import BadInput

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


class Dataset:
    """The original folders `RGB/*.png` and `GT/LABELS/*.png`; no converted copy is needed.

    Labels are 16-bit RGB PNGs, the class in the first channel and the instance in the second.
    Lane markings are ignored; CRST maps them to road, and so does `lane_marking_is_road`.
    """

    encoding = RED16

    def __init__(self, root: Path, lane_marking_is_road: bool = False) -> None:
        self._root = root
        self.values = {**_VALUES, 22: "road" if lane_marking_is_road else None}

    def pairs(self) -> list[Pair]:
        """Sorted; without a label where its file is missing. Raises BadInput without images."""
        names = sorted(path.name for path in (self._root / "RGB").glob("[!.]*.png"))
        if not names:
            raise BadInput(
                f"{self._root}: no SYNTHIA-RAND-CITYSCAPES here; "
                "expected RGB/0000000.png with GT/LABELS/0000000.png"
            )
        return [self._pair(name) for name in names]

    def _pair(self, name: str) -> Pair:
        label = f"GT/LABELS/{name}"
        return Pair(f"RGB/{name}", label if (self._root / label).is_file() else None)
