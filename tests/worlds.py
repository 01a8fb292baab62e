"""Tiny raw data sets in the layouts of the real ones, with the traps of the real ones.

Every function writes `n` good pairs of `size` (width, height) below `root` and returns the
options its reader needs. Two seeds give two worlds without a common image.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.domain.taxonomy import CAMVID, LABEL_IDS

Array = npt.NDArray[Any]
Size = tuple[int, int]

SIZE = (32, 24)
LABEL_ID = {name: raw for raw, name in LABEL_IDS.items() if name}
SYNTHIA_ID = {"sky": 1, "building": 2, "road": 3, "sidewalk": 4, "vegetation": 6, "car": 8}
SEEN = ("road", "sidewalk", "building", "vegetation", "sky", "person", "car", "pole")
FOLDER_NAMES = ("soil", "crop", "weed")


def scene(rng: np.random.Generator, size: Size, classes: int) -> tuple[Array, Array]:
    """An image uint8 (h, w, 3) and its ids uint8 (h, w): a grid of coloured cells with noise.

    A class has the same colour in every scene, so a network can learn it in a few steps.
    """
    width, height = size
    cells = rng.integers(0, classes, (3, 4))
    rows, columns = np.arange(height) * 3 // height, np.arange(width) * 4 // width
    ids = cells[np.ix_(rows, columns)].astype(np.uint8)
    colours = np.random.default_rng(1).integers(20, 235, (256, 3))
    image = colours[ids] + rng.normal(0, 12, (height, width, 3))
    return image.clip(0, 255).astype(np.uint8), ids


def save(path: Path, pixels: Array, palette: Sequence[tuple[int, int, int]] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    if palette is not None:
        image.putpalette(np.asarray(palette, np.uint8).tobytes())
    image.save(path)


def save_rgb16(path: Path, pixels: Array) -> None:
    """uint16 (h, w, 3) as a PNG of 16 bits a channel, which neither PIL nor torchvision writes."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)  # 0: no filter
    chunks = (
        (b"IHDR", struct.pack(">2I5B", width, height, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, data in chunks:
            checksum = zlib.crc32(kind + data)
            file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum))


def gta5(root: Path, n: int, size: Size = SIZE, seed: int = 0) -> dict[str, Any]:
    """Sizes vary, value 34 occurs, and after the good pairs comes one whose sizes differ."""
    rng = np.random.default_rng([seed, 1])
    raw = np.array([LABEL_ID[name] for name in SEEN], np.uint8)
    palette = [(7 * i % 256, 5 * i % 256, 3 * i % 256) for i in range(256)]  # ids, not colours
    for index in range(n + 1):
        width, height = size[0], size[1] - index % 3
        image, ids = scene(rng, (width, height), len(SEEN))
        label = raw[ids]
        label[0, 0] = 34  # licence plate
        if index == n:
            label = label[:-1]
        save(root / f"images/{index + 1:05d}.png", image)
        save(root / f"labels/{index + 1:05d}.png", label, palette)
    return {}


def synthia(root: Path, n: int, size: Size = SIZE, seed: int = 0) -> dict[str, Any]:
    """16-bit labels: the class is red, an instance above 255 green; GT/COLOR is a decoy."""
    rng = np.random.default_rng([seed, 2])
    raw = np.array(list(SYNTHIA_ID.values()), np.uint16)
    for index in range(n):
        image, ids = scene(rng, size, len(SYNTHIA_ID))
        label = np.zeros((*ids.shape, 3), np.uint16)
        label[..., 0], label[..., 1] = raw[ids], 300 + ids.astype(np.uint16)
        label[0, :4, 0] = (0, 22, 13, 14)  # void, lane marking, parking slot, road work
        save(root / f"RGB/{index:07d}.png", image)
        save_rgb16(root / f"GT/LABELS/{index:07d}.png", label)
        save(root / f"GT/COLOR/{index:07d}.png", image)
    return {}


def cityscapes(
    root: Path, n: int, size: Size = SIZE, seed: int = 0, split: str = "train"
) -> dict[str, Any]:
    """Two cities; every labelId occurs; beside each label lie the decoys that the site ships."""
    rng = np.random.default_rng([seed, 3, len(split)])
    raw = np.array([LABEL_ID[name] for name in SEEN], np.uint8)
    for index in range(n):
        city = ("aldersum", "birkenau")[index % 2]
        image, ids = scene(rng, size, len(SEEN))
        label = raw[ids]
        label.flat[:34] = range(34)
        place = f"{split}/{city}/{city}_{index:06d}_000019"
        save(root / f"leftImg8bit/{place}_leftImg8bit.png", image)
        truth = root / f"gtFine/{place}_gtFine"
        save(Path(f"{truth}_labelIds.png"), label)
        save(Path(f"{truth}_color.png"), image)
        save(Path(f"{truth}_instanceIds.png"), label.astype(np.uint16) * 1000)
        Path(f"{truth}_polygons.json").write_text("{}")
    return {"split": split}


def camvid(
    root: Path, n: int, size: Size = SIZE, seed: int = 0, split: str = "train"
) -> dict[str, Any]:
    """SegNet's layout, void included, and a list that leaves one of the images out."""
    rng = np.random.default_rng([seed, 4, len(split)])
    for index in range(n + 1):
        image, ids = scene(rng, size, len(CAMVID))
        ids[0, :4] = len(CAMVID)
        save(root / f"{split}/0016E5_{index:05d}.png", image)
        save(root / f"{split}annot/0016E5_{index:05d}.png", ids)
    lines = [f"{split}/0016E5_{index:05d}.png\n" for index in range(n)]
    (root / f"{split}-list.txt").write_text("".join(reversed(lines)) + "\n")
    return {"list": f"{split}-list.txt"}


def folder(root: Path, n: int, size: Size = SIZE, seed: int = 0) -> dict[str, Any]:
    """Your own images of FOLDER_NAMES: several suffixes, a folder in a folder, 255 ignored."""
    rng = np.random.default_rng([seed, 5])
    for index in range(n):
        place = f"{('east', 'west')[index % 2]}/field.{index}"
        image, ids = scene(rng, size, len(FOLDER_NAMES))
        ids[0, 0] = 255
        save(root / f"images/{place}{('.png', '.JPG', '.webp', '.bmp')[index % 4]}", image)
        save(root / f"labels/{place}.png", ids)
    (root / "images/readme.txt").write_text("no image")
    return {}


CLASSES: dict[str, str | list[str]] = {
    "gta5": "cityscapes",
    "synthia": "cityscapes16",
    "cityscapes": "cityscapes",
    "camvid": "camvid",
    "folder": list(FOLDER_NAMES),
}
"""The classes to prepare each data set with."""
