"""Tiny data sets of the retina in the layouts of their authors; see worlds.py.

A disc is the camera's field of view; what surrounds it is nearly black, as JPEG leaves it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests import gifs
from tests.scenes import SIZE, Array, Size, save, scene


def disc(size: Size) -> Array:
    """Which pixels the camera sees, bool (h, w)."""
    width, height = size
    y, x = np.ogrid[:height, :width]
    return np.asarray((x - width / 2) ** 2 + (y - height / 2) ** 2 < (0.4 * height) ** 2)


def eye(rng: np.random.Generator, size: Size) -> tuple[Array, Array, Array]:
    """An image, its vessels (0 or 1; one outside the disc, as observers draw them), the disc."""
    image, vessels = scene(rng, size, 2)
    vessels[0, 0] = 1
    seen = disc(size)
    surround = rng.integers(0, 6, image.shape).astype(np.uint8)
    return np.where(seen[..., None], image.clip(60), surround), vessels, seen


def save_gif(path: Path, pixels: Array) -> None:
    """Grey of 0 and 255."""
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = [(value,) * 3 for value in range(256)]
    path.write_bytes(gifs.written(np.where(pixels > 0, 255, 0).astype(np.uint8), grey))


def drive(
    root: Path, n: int, size: Size = SIZE, seed: int = 0, split: str = "training"
) -> dict[str, Any]:
    """TIFFs with GIFs; a second observer's vessels beside the first's."""
    rng = np.random.default_rng([seed, 12, len(split)])
    for index in range(n):
        image, vessels, seen = eye(rng, size)
        place, number = root / split, f"{index + 21:02d}"
        save(place / f"images/{number}_{split}.tif", image)
        save_gif(place / f"1st_manual/{number}_manual1.gif", vessels)
        save_gif(place / f"2nd_manual/{number}_manual2.gif", 1 - vessels)
        save_gif(place / f"mask/{number}_{split}_mask.gif", seen)
    return {"split": split}


def drive_of_one_name(
    root: Path, n: int, size: Size = SIZE, seed: int = 0, split: str = "training"
) -> dict[str, Any]:
    """The same as PNGs of 0 and 1, in three folders."""
    rng = np.random.default_rng([seed, 13, len(split)])
    for index in range(n):
        for kind, pixels in zip(("images", "labels", "fov"), eye(rng, size), strict=True):
            save(root / f"{kind}/{index + 21:02d}_{split}.png", pixels.astype(np.uint8))
    return {"split": split}


def chase_db1(
    root: Path, n: int, size: Size = SIZE, seed: int = 0, split: str = "train"
) -> dict[str, Any]:
    """Both eyes of each child, one bit a pixel; both observers' in one folder with the images."""
    rng = np.random.default_rng([seed, 14, len(split)])
    first = {"train": 1, "test": 11}[split]
    for index in range(n):
        image, vessels, _ = eye(rng, size)
        name = f"Image_{first + index // 2:02d}{'LR'[index % 2]}"
        save(root / f"{name}.jpg", image)
        save(root / f"{name}_1stHO.png", vessels > 0)
        save(root / f"{name}_2ndHO.png", vessels == 0)
    return {"split": split}


def chase_db1_in_folders(
    root: Path, n: int, size: Size = SIZE, seed: int = 0, split: str = "train"
) -> dict[str, Any]:
    """The same with a folder of images and one of labels."""
    rng = np.random.default_rng([seed, 15, len(split)])
    first = {"train": 1, "test": 11}[split]
    for index in range(n):
        image, vessels, _ = eye(rng, size)
        name = f"Image_{first + index // 2:02d}{'LR'[index % 2]}"
        save(root / f"images/{name}.jpg", image)
        save(root / f"labels/{name}.png", vessels)
    return {"split": split}
