"""What stands in the files of images and labels, decoded, and how a size is changed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from pipeline.runtime.files import BadInput, readable

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
INDEX = "index"
"""Labels are single-channel (or palette) PNGs whose pixel value is the raw value."""
RED16 = "red16"
"""Labels are 16-bit RGB PNGs with the raw value in the first channel (SYNTHIA)."""
_ORIENTATION = 0x0112
_SUBFILE, _SAMPLE_FORMAT = 254, 339  # of TIFF
_REDUCED, _SIGNED = 1, 2
_LARGEST = 65535
_OPAQUE = 255
_LOSSLESS = ("PNG", "BMP", "TIFF", "GIF")
_LOSSY = ("jpeg", "tiff_jpeg", "webp")  # within TIFF
_STORED = {
    *("1", "P", "P;1", "P;2", "P;4", "L", "I;12", "I;16", "I;16B", "I;16L", "I;16N", "I;16S"),
    *("I;16BS", "I;16NS", "I;32", "I;32B", "I;32N", "I;32S", "I;32BS", "I;32NS"),
}
"""Pillow's raw modes whose values are those of the file: neither turned round nor stretched."""


@dataclass(frozen=True)
class Coding:
    """How a label file's pixels become train ids: its encoding, and raw value -> id.

    And, of data sets with regions: up to which brightness a region file's pixel is outside.
    """

    values: Mapping[int, int]
    encoding: str = INDEX
    dark: int = 0

    def table(self) -> npt.NDArray[np.int16]:
        """(65536,) int16: the id of each raw value, -1 where it is unknown."""
        table = np.full(65536, -1, np.int16)
        table[list(self.values)] = list(self.values.values())
        return table


def read_image(path: Path) -> Pixels:
    """Any image PIL reads, as uint8 (height, width, 3) RGB. Raises BadInput naming the file."""
    with readable(path, "an image"), Image.open(path) as image:
        _plain(image)
        return np.asarray(image.convert("RGB"))


def _plain(image: ImageFile.ImageFile) -> None:
    """Raises ValueError where eight bits of RGB would not be what a viewer shows."""
    if image.mode.startswith(("I", "F")):
        raise ValueError(f"mode {image.mode} has no fixed range; convert it to 8-bit RGB")
    if deep := [mode for mode in _raw_modes(image) if re.search(r";16[BLN]", mode)]:
        raise ValueError(
            f"16 bits a channel ({deep[0]}), of which perhaps 10 or 12 are used; convert it to "
            "8-bit RGB by the range that it has"
        )
    _upright(image)
    if image.has_transparency_data and np.asarray(image.convert("RGBA"))[..., 3].min() < _OPAQUE:
        raise ValueError("partly transparent; put it on a background")


def _raw_modes(image: ImageFile.ImageFile) -> list[str]:
    """How each part of a file is decoded, in Pillow's words; nothing once it has been."""
    each = (tile.args if isinstance(tile.args, tuple) else (tile.args,) for tile in image.tile)
    silent = image.mode if image.format == "GIF" else ""  # an index, of which it says no more
    return [next((str(word) for word in args if isinstance(word, str)), silent) for args in each]


def _upright(image: ImageFile.ImageFile) -> None:
    """Raises ValueError where there is more to a picture than its pixels."""
    if (pictures := _pictures(image)) > 1:
        raise ValueError(f"{pictures} pictures in one file; save each by itself")
    turned = image.getexif().get(_ORIENTATION, 1)
    if turned not in (0, 1):
        raise ValueError(f"EXIF orientation {turned}; turn the pixels themselves")


def _pictures(image: ImageFile.ImageFile) -> int:
    """How many a file holds, without what belongs to its first.

    A camera's JPEG (MPO) has previews behind the photograph, a TIFF may have smaller copies.
    """
    frames: int = getattr(image, "n_frames", 1)
    if frames == 1 or image.format == "MPO":
        return 1
    if not isinstance(image, TiffImageFile):
        return frames
    copies = 0
    for frame in range(1, frames):
        image.seek(frame)
        copies += image.tag_v2.get(_SUBFILE, 0) & _REDUCED
    image.seek(0)
    return frames - copies


def exact_values(image: ImageFile.ImageFile, formats: Sequence[str] = _LOSSLESS) -> None:
    """Raises ValueError where PIL would not give a label's own values."""
    if image.format not in formats or image.info.get("compression") in _LOSSY:
        raise ValueError(f"{image.format} may change values; save it as PNG")
    for mode in _raw_modes(image) or ["nothing that is known"]:
        if mode.endswith("I") and ";" in mode:
            raise ValueError("white is stored as 0, and would be read turned round; save it as PNG")
        if mode.startswith(("L;2", "L;4")):
            raise ValueError(
                "fewer than 8 bits of grey are read as other values; save it with 8 bits"
            )
        if mode not in _STORED:
            raise ValueError(f"stored as {mode}, which may change values; save it as 8-bit PNG")
    _upright(image)


def read_raw(path: Path, encoding: str) -> npt.NDArray[np.uint16]:
    """The raw values of a label file, uint16 (height, width). Raises BadInput naming the file."""
    with readable(path, "a label"):
        if encoding == RED16:
            return _red16(path)
        with Image.open(path) as image:
            if image.mode not in ("1", "P", "L", "I;16", "I"):
                raise ValueError(f"mode {image.mode}; a label has one channel of class values")
            exact_values(image)
            raw = _signed(image)
        if raw.min() < 0 or raw.max() > _LARGEST:
            raise ValueError(f"values {raw.min()} to {raw.max()}; they go from 0 to {_LARGEST}")
        return raw.astype(np.uint16)


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
    ids = coding.table()[raw]
    if ids.min() < 0:
        unknown = ", ".join(map(str, np.unique(raw[ids < 0])[:5]))
        raise BadInput(f"{path}: unknown label values {unknown}; name them in label_map or ignore")
    return ids.astype(np.uint8)


def read_region(path: Path, coding: Coding) -> Mask:
    """Which pixels count, bool (height, width): of a mask, or of an image with a dark surround.

    Those whose brightest channel is above the coding's `dark`. Raises BadInput naming the file.
    """
    inside: Mask = read_image(path).max(axis=2) > coding.dark
    return inside


def resize(image: Pixels, size: tuple[int, int]) -> Pixels:
    """uint8 (h, w, 3) to (width, height), bilinear with anti-aliasing."""
    if image.shape[1::-1] == size:
        return image
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def resize_label(label: Pixels, size: tuple[int, int]) -> Pixels:
    """uint8 (h, w) to (width, height), nearest neighbour."""
    if label.shape[::-1] == size:
        return label
    return np.asarray(Image.fromarray(label).resize(size, Image.Resampling.NEAREST))
