"""GTA5 (Playing for Data): 24,966 game frames with Cityscapes' labelIds."""

from __future__ import annotations

from pathlib import Path

from pipeline.domain.pairing import Files, Matched
from pipeline.domain.pixels import INDEX
from pipeline.domain.taxonomy import LABEL_IDS


class Dataset(Matched):
    """`images/00001.png` with `labels/00001.png`: palette PNGs whose index is the labelId.

    Sizes vary, and of a few pairs (15188, 17705) image and label differ in size.
    """

    encoding = INDEX
    values = LABEL_IDS
    example = "00001"

    def __init__(self, root: Path) -> None:
        super().__init__(root, Files("images"), Files("labels"))
