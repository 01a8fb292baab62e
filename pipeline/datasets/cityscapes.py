"""Cityscapes: 2,975 frames to train and 500 to validate, with labelIds."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pipeline.domain.pixels import INDEX
from pipeline.domain.samples import Pair
from pipeline.domain.taxonomy import LABEL_IDS
from pipeline.runtime.files import BadInput

_IMAGE = "_leftImg8bit.png"
_LABEL = "_gtFine_labelIds.png"


class Dataset:
    """`leftImg8bit/<split>/<city>/*_leftImg8bit.png` with the labelIds of gtFine beside it.

    It reads what the site ships: no labelTrainIds have to be made first.
    """

    encoding = INDEX
    values = LABEL_IDS

    def __init__(self, root: Path, split: Literal["train", "val", "test"]) -> None:
        self._root = root
        self._split = split

    def pairs(self) -> list[Pair]:
        """Sorted; without a label where its file is missing. Raises BadInput without images."""
        folder = self._root / "leftImg8bit" / self._split
        images = sorted(folder.glob(f"[!.]*/[!.]*{_IMAGE}"))
        if not images:
            raise BadInput(
                f"{folder}: no Cityscapes here; expected leftImg8bit/{self._split}/<city>/"
                f"*{_IMAGE} with gtFine/{self._split}/<city>/*{_LABEL} in {self._root}"
            )
        return [self._pair(image) for image in images]

    def _pair(self, image: Path) -> Pair:
        city, frame = image.parent.name, image.name.removesuffix(_IMAGE)
        label = f"gtFine/{self._split}/{city}/{frame}{_LABEL}"
        return Pair(
            image.relative_to(self._root).as_posix(),
            label if (self._root / label).is_file() else None,
        )
