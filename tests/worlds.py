"""Tiny raw data sets in the layouts of the real ones, with the traps of the real ones.

Every function writes `n` good pairs of `size` (width, height) below `root` and returns the
options its reader needs. Two seeds give two worlds without a common image.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.domain.taxonomy import CAMVID, LABEL_IDS
from tests.drives import (  # noqa: F401 - a reader's world is found here by its name
    acdc,
    bdd100k,
    dark_zurich,
    idd,
    idd_lite,
    mapillary,
)
from tests.eyes import chase_db1, drive  # noqa: F401
from tests.scenes import SIZE, Size, save, save_rgb16, scene

LABEL_ID = {name: raw for raw, name in LABEL_IDS.items() if name}
SYNTHIA_ID = {"sky": 1, "building": 2, "road": 3, "sidewalk": 4, "vegetation": 6, "car": 8}
SEEN = ("road", "sidewalk", "building", "vegetation", "sky", "person", "car", "pole")
FOLDER_NAMES = ("soil", "crop", "weed")


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
    root: Path,
    n: int,
    size: Size = SIZE,
    seed: int = 0,
    split: str = "train",
    beta: float | None = None,
) -> dict[str, Any]:
    """Two cities; every labelId occurs; beside each label lie the decoys that the site ships.

    With `beta`, Foggy Cityscapes' three images of each frame instead.
    """
    rng = np.random.default_rng([seed, 3, len(split)])
    raw = np.array([LABEL_ID[name] for name in SEEN], np.uint8)
    for index in range(n):
        city = ("aldersum", "birkenau")[index % 2]
        image, ids = scene(rng, size, len(SEEN))
        label = raw[ids]
        label.flat[:34] = range(34)
        place = f"{split}/{city}/{city}_{index:06d}_000019"
        if beta is None:
            save(root / f"leftImg8bit/{place}_leftImg8bit.png", image)
        for fog in (0.005, 0.01, 0.02) if beta else ():
            shown = image // 2 + np.uint8(5000 * fog)
            save(root / f"leftImg8bit_foggy/{place}_leftImg8bit_foggy_beta_{fog}.png", shown)
        truth = root / f"gtFine/{place}_gtFine"
        save(Path(f"{truth}_labelIds.png"), label)
        save(Path(f"{truth}_color.png"), image)
        save(Path(f"{truth}_instanceIds.png"), label.astype(np.uint16) * 1000)
        Path(f"{truth}_polygons.json").write_text("{}")
    return {"split": split} | ({"beta": beta} if beta else {})


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


FOLDER_COLOURS = {"#804000": "soil", "#00c040": "crop", "#c02060": "weed"}
"""Of `coloured`, beside black for what is ignored."""


def coloured(root: Path, n: int, size: Size = SIZE, seed: int = 0) -> dict[str, Any]:
    """`folder`, whose labels are pictures in FOLDER_COLOURS."""
    folder(root, n, size, seed)
    table = np.zeros((256, 3), np.uint8)
    table[:3] = [tuple(bytes.fromhex(colour[1:])) for colour in FOLDER_COLOURS]
    for path in (root / "labels").rglob("*.png"):
        with Image.open(path) as label:
            ids = np.asarray(label)
        save(path, table[ids])
    return {"label_map": dict(FOLDER_COLOURS), "ignore": ["#000000"]}


CLASSES: dict[str, str | list[str]] = {
    "gta5": "cityscapes",
    "synthia": "cityscapes16",
    "cityscapes": "cityscapes",
    "camvid": "camvid",
    "folder": list(FOLDER_NAMES),
    "bdd100k": "cityscapes",
    "acdc": "cityscapes",
    "dark_zurich": "cityscapes",
    "mapillary": "cityscapes",
    "idd": "cityscapes",
    "idd_lite": "idd_lite",
    "drive": "vessels",
    "chase_db1": "vessels",
}
"""The classes to prepare each data set with."""
