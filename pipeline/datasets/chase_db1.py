"""CHASE_DB1: 28 photographs of the retinas of 14 children, and their vessels."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pipeline.domain.pairing import Files, Matched, OneOrMore, listed
from pipeline.domain.pixels import INDEX

_VALUES: dict[int, str | None] = {0: "background", 1: "vessel", 255: "vessel"}
_CHILDREN = {"train": range(1, 11), "test": range(11, 15)}


class Dataset(Matched):
    """`Image_01L.jpg` with `Image_01L_1stHO.png`, as its authors ship it: the first observer's.

    L and R are a child's two eyes. The usual split: `train` is children 1 to 10, `test` 11 to 14.
    There is no mask of the field of view: what surrounds it is black, and does not count. Where the
    root has a folder `images`, that is `images/Image_01L.jpg` with `labels/Image_01L.png`. The
    classes are `vessels`.
    """

    encoding = INDEX
    values = _VALUES
    example = "Image_01L"
    dark = 20
    """With this the field of view of all 28 is one disc, but for a few pixels. Not from a paper."""

    def __init__(self, root: Path, split: OneOrMore[Literal["train", "test"]]) -> None:
        children = [child for one in listed(split) for child in _CHILDREN[one]]
        begins = tuple(f"Image_{child:02d}" for child in children)
        images, labels, suffix = ".", ".", "_1stHO"
        if (root / "images").is_dir():
            images, labels, suffix = "images", "labels", ""
        photographs = Files(images, "", (".jpg",), begins=begins)
        super().__init__(
            root, photographs, Files(labels, suffix, begins=begins), regions=photographs
        )
