"""GTA5 (Playing for Data): 24,966 game frames with Cityscapes' labelIds."""

from __future__ import annotations

from pathlib import Path

from pipeline.domain.pixels import INDEX
from pipeline.domain.samples import Pair
from pipeline.domain.taxonomy import LABEL_IDS
from pipeline.runtime.files import BadInput


class Dataset:
    """`images/00001.png` with `labels/00001.png`: palette PNGs whose index is the labelId.

    Sizes vary, and of a few pairs (15188, 17705) image and label differ in size.
    """

    encoding = INDEX
    values = LABEL_IDS

    def __init__(self, root: Path) -> None:
        self._root = root

    def pairs(self) -> list[Pair]:
        """Sorted; without a label where its file is missing. Raises BadInput without images."""
        names = sorted(path.name for path in (self._root / "images").glob("[!.]*.png"))
        if not names:
            raise BadInput(
                f"{self._root}: no GTA5 here; expected images/00001.png with labels/00001.png"
            )
        return [self._pair(name) for name in names]

    def _pair(self, name: str) -> Pair:
        label = f"labels/{name}"
        return Pair(f"images/{name}", label if (self._root / label).is_file() else None)
