"""What stands in the files of images, decoded, what raw values mean, and how a size is changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from pipeline.runtime.files import readable

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
INDEX = "index"
"""Labels are single-channel (or palette) PNGs whose pixel value is the raw value."""
RED16 = "red16"
"""Labels are 16-bit RGB PNGs with the raw value in the first channel (SYNTHIA)."""
COLOUR = "colour"
"""Labels are pictures whose colour is the raw value: 0xRRGGBB, as domain/colours.py has it."""
_ORIENTATION = 0x0112
_SUBFILE, _REDUCED = 254, 1  # of TIFF
_OPAQUE = 255


@dataclass(frozen=True)
class Coding:
    """How a label file's pixels become train ids: its encoding, and raw value -> id.

    And, of data sets with regions: up to which brightness a region file's pixel is outside.
    """

    values: Mapping[int, int]
    encoding: str = INDEX
    dark: int = 0

    def ids(self, raw: npt.NDArray[Any]) -> npt.NDArray[np.int16]:
        """The id of each raw value, int16 of the same shape, -1 where it is unknown."""
        if self.encoding != COLOUR:
            table = np.full(65536, -1, np.int16)
            table[list(self.values)] = list(self.values.values())
            found: npt.NDArray[np.int16] = table[raw]
            return found
        known = np.array(sorted(self.values), raw.dtype)  # a table of all colours were 32 MB
        ids = np.array([self.values[value] for value in known.tolist()], np.int16)
        places = np.searchsorted(known, raw).clip(max=len(known) - 1)
        return np.where(known[places] == raw, ids[places], np.int16(-1))


def read_image(path: Path) -> Pixels:
    """Any image PIL reads, as uint8 (height, width, 3) RGB. Raises BadInput naming the file."""
    with readable(path, "an image"), Image.open(path) as image:
        _plain(image)
        return np.asarray(image.convert("RGB"))


def _plain(image: ImageFile.ImageFile) -> None:
    """Raises ValueError where eight bits of RGB would not be what a viewer shows."""
    if image.mode.startswith(("I", "F")):
        raise ValueError(f"mode {image.mode} has no fixed range; convert it to 8-bit RGB")
    if deep := [mode for mode in raw_modes(image) if re.search(r";16[BLN]", mode)]:
        raise ValueError(
            f"16 bits a channel ({deep[0]}), of which perhaps 10 or 12 are used; convert it to "
            "8-bit RGB by the range that it has"
        )
    upright(image)
    opaque(image)


def opaque(image: ImageFile.ImageFile) -> None:
    """Raises ValueError where something would show through a picture."""
    if image.has_transparency_data and np.asarray(image.convert("RGBA"))[..., 3].min() < _OPAQUE:
        raise ValueError("partly transparent; put it on a background")


def raw_modes(image: ImageFile.ImageFile) -> list[str]:
    """How each part of a file is decoded, in Pillow's words; nothing once it has been."""
    each = (tile.args if isinstance(tile.args, tuple) else (tile.args,) for tile in image.tile)
    silent = image.mode if image.format == "GIF" else ""  # an index, of which it says no more
    return [next((str(word) for word in args if isinstance(word, str)), silent) for args in each]


def upright(image: ImageFile.ImageFile) -> None:
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
