"""IDD Lite: small frames (320x227) of Indian roads, in seven classes of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pipeline.domain.pairing import Files, Matched, OneOrMore, listed
from pipeline.domain.pixels import INDEX
from pipeline.domain.taxonomy import IDD_LITE, IGNORE

_VALUES: dict[int, str | None] = {**dict(enumerate(IDD_LITE.names)), IGNORE: None}


class Dataset(Matched):
    """`leftImg8bit/<split>/<sequence>/x_image.jpg` with `gtFine/.../x_label.png`.

    `x_inst_label.png` beside it is no label. The classes are `idd_lite`.
    """

    encoding = INDEX
    values = _VALUES
    example = "<sequence>/x"

    def __init__(self, root: Path, split: OneOrMore[Literal["train", "val", "test"]]) -> None:
        super().__init__(
            root,
            Files("leftImg8bit", "_image", (".jpg",), places=listed(split)),
            Files("gtFine", "_label", places=listed(split), unlike=("_inst_label",)),
        )
