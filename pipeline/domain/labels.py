"""What stands in the files of labels: raw values, and the train ids that they mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from pipeline.domain import colours
from pipeline.domain.pixels import (
    COLOUR,
    RED16,
    Coding,
    Mask,
    Pixels,
    opaque,
    raw_modes,
    read_image,
    upright,
)
from pipeline.runtime.files import BadInput, readable

_SAMPLE_FORMAT, _SIGNED = 339, 2  # of TIFF
_LARGEST = 65535
_LOSSLESS = ("PNG", "BMP", "TIFF", "GIF")
_LOSSY = ("jpeg", "tiff_jpeg", "webp")  # within TIFF
_STORED = {
    *("RGB", "RGBA", "RGBX", "BGR", "BGRA", "BGRX"),
    *("1", "P", "P;1", "P;2", "P;4", "L", "I;12", "I;16", "I;16B", "I;16L", "I;16N", "I;16S"),
    *("I;16BS", "I;16NS", "I;32", "I;32B", "I;32N", "I;32S", "I;32BS", "I;32NS"),
}
"""Pillow's raw modes whose values are those of the file: neither turned round nor stretched."""


def exact_values(image: ImageFile.ImageFile, formats: Sequence[str] = _LOSSLESS) -> None:
    """Raises ValueError where PIL would not give a label's own values."""
    if image.format not in formats or image.info.get("compression") in _LOSSY:
        raise ValueError(f"{image.format} may change values; save it as PNG")
    for mode in raw_modes(image) or ["nothing that is known"]:
        if mode.endswith("I") and ";" in mode:
            raise ValueError("white is stored as 0, and would be read turned round; save it as PNG")
        if mode.startswith(("L;2", "L;4")):
            raise ValueError(
                "fewer than 8 bits of grey are read as other values; save it with 8 bits"
            )
        if mode not in _STORED:
            raise ValueError(f"stored as {mode}, which may change values; save it as 8-bit PNG")
    upright(image)


def read_raw(path: Path, encoding: str) -> npt.NDArray[np.uint16 | np.uint32]:
    """The raw values of a label file (height, width); of colours uint32, of all others uint16.

    Raises BadInput naming the file.
    """
    with readable(path, "a label"):
        if encoding == RED16:
            return _red16(path)
        if encoding == COLOUR:
            return _colours(path)
        with Image.open(path) as image:
            if image.mode not in ("1", "P", "L", "I;16", "I"):
                raise ValueError(
                    f"mode {image.mode}; a label has one channel of class values; where colours "
                    "are classes, name them in label_map"
                )
            exact_values(image)
            raw = _signed(image)
        if raw.min() < 0 or raw.max() > _LARGEST:
            raise ValueError(f"values {raw.min()} to {raw.max()}; they go from 0 to {_LARGEST}")
        return raw.astype(np.uint16)


def _colours(path: Path) -> npt.NDArray[np.uint32]:
    with Image.open(path) as image:
        if image.mode.startswith(("I", "F")):
            raise ValueError(f"mode {image.mode}; a label of colours has 8 bits a channel")
        exact_values(image)
        opaque(image)
        return colours.packed(np.asarray(image.convert("RGB")))


def _signed(image: ImageFile.ImageFile) -> npt.NDArray[Any]:
    """An image's values, below 0 where the file says that its eight bits have a sign."""
    values = np.asarray(image)
    if values.dtype == bool:
        return values.astype(np.uint8)
    if not isinstance(image, TiffImageFile) or values.dtype != np.uint8:
        return values
    return values.view(np.int8) if image.tag_v2.get(_SAMPLE_FORMAT) == (_SIGNED,) else values


def _red16(path: Path) -> npt.NDArray[np.uint16]:
    # Pillow keeps the high byte of each 16 bits, which of the same bytes turned round is the low
    # one. torchvision keeps both, but ends the process where the file is damaged.
    both = np.stack([_red8(path, order) for order in ("L", "B")], axis=-1)
    return both.view("<u2")[..., 0].astype(np.uint16)


def _red8(path: Path, order: str) -> Pixels:
    with Image.open(path) as image:
        stored = [tile.args for tile in image.tile]
        if stored != ["RGB;16B"]:
            raise ValueError(f"{image.mode} stored as {stored}, not 16-bit RGB")
        image.tile = [image.tile[0]._replace(args=f"RGB;16{order}")]
        return np.asarray(image.getchannel(0))


def read_label(path: Path, coding: Coding) -> Pixels:
    """Train ids uint8 (height, width) of a label file. Raises BadInput naming unknown values."""
    raw = read_raw(path, coding.encoding)
    ids = coding.ids(raw)
    if ids.min() < 0:
        values, counts = np.unique(raw[ids < 0], return_counts=True)
        raise BadInput(f"{path}: {_unknown(values, counts, coding.encoding)}")
    return ids.astype(np.uint8)


def _unknown(values: npt.NDArray[Any], counts: npt.NDArray[np.int64], encoding: str) -> str:
    """What raw values that nobody has named are, and what to do about them."""
    fix = "name them in label_map or ignore"
    if encoding != COLOUR:
        return f"unknown label values {', '.join(map(str, values[:5]))}; {fix}"
    if len(values) > colours.MANY:
        fix = "so many come of smoothing or of JPEG: save the label again without either"
    return f"{colours.counted(values, counts)} of no class; {fix}"


def read_region(path: Path, coding: Coding) -> Mask:
    """Which pixels count, bool (height, width): of a mask, or of an image with a dark surround.

    Those whose brightest channel is above the coding's `dark`. Raises BadInput naming the file.
    """
    inside: Mask = read_image(path).max(axis=2) > coding.dark
    return inside


def check_size(name: str | Path, own: tuple[int, ...], size: tuple[int, int]) -> None:
    """Raises BadInput where a label or region is not of its image's width and height."""
    if own != size:
        both = "{}x{}, its image {}x{}".format(*own, *size)
        raise BadInput(f"{name}: is {both}; replace one of them")
