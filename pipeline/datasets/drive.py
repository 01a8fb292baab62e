"""DRIVE: 40 photographs of the retina, their vessels and the camera's field of view."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pipeline.domain.pairing import Files, Joined, Matched, OneOrMore, listed
from pipeline.domain.pixels import INDEX

_VALUES: dict[int, str | None] = {0: "background", 1: "vessel", 255: "vessel"}


class Dataset(Joined):
    """`training/images/21_training.tif` with `1st_manual/21_manual1.gif`, as its authors ship it.

    The first observer's vessels; pixels outside `mask/21_training_mask.gif` do not count. In newer
    archives the split `test` has masks, and no labels. Where the root has a folder `fov`, all are
    PNGs of one name: `images/21_training.png`, `labels/...` and `fov/...`. The classes are
    `vessels`.
    """

    encoding = INDEX
    values = _VALUES

    def __init__(self, root: Path, split: OneOrMore[Literal["training", "test"]]) -> None:
        layout = _one_name if (root / "fov").is_dir() else _shipped
        super().__init__(*(Matched(root, *layout(one)) for one in listed(split)))


def _shipped(split: str) -> tuple[Files, Files, Files]:
    return (
        Files(f"{split}/images", f"_{split}", (".tif",)),
        Files(f"{split}/1st_manual", "_manual1", (".gif",)),
        Files(f"{split}/mask", f"_{split}_mask", (".gif",)),
    )


def _one_name(split: str) -> tuple[Files, Files, Files]:
    images, labels, masks = (Files(kind, f"_{split}") for kind in ("images", "labels", "fov"))
    return images, labels, masks
