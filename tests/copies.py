"""Tiny copies of the folders that the presets of real shifts read; see worlds.py.

Each is written below the root that a preset names, in the layout that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tests import eyes
from tests.scenes import Size, save, scene

Write = Callable[[Path, int], object]

STREET, ROAD = (40, 30), (40, 28)


def frame(
    root: Path, image: str, label: str | None, values: Sequence[int], size: Size, seed: list[int]
) -> None:
    """An image and, where it has one, its label, which has all of `values` in its first row."""
    pixels, ids = scene(np.random.default_rng(seed), size, len(values))
    ids[0, : len(values)] = range(len(values))
    save(root / image, pixels)
    if label is not None:
        save(root / label, np.array(values, np.uint8)[ids])


def rendered_streets(root: Path, n: int) -> None:
    """Numbered scenes with CamVid's ids, and no void."""
    for index in range(n):
        name = f"{index:04d}.png"
        frame(root, f"images/{name}", f"labels/{name}", range(11), STREET, [1, index])


def camvid(root: Path, n: int) -> None:
    """Day and dusk in `train`, more of the day in `val`, and three lists of `train`."""
    days = [f"train/0016E5_{index:05d}.png" for index in range(n)]
    dusk = [f"train/0001TP_{index:06d}.png" for index in range(2 * n)]
    later = [f"val/0016E5_{index:05d}.png" for index in range(n, 2 * n)]
    for index, name in enumerate([*days, *dusk, *later]):
        folder, _, file = name.partition("/")
        frame(root, name, f"{folder}annot/{file}", range(12), STREET, [2, index])
    lists = {"source-day": days, "target-dusk": dusk[:n], "val-dusk": dusk[n:]}
    for name, lines in lists.items():
        (root / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines))


def idd_lite(root: Path, n: int) -> None:
    """Three splits in folders of their own; `test` has no labels. Labels have a pixel of 255."""
    for number, split in enumerate(("train", "val", "test")):
        for index in range(n):
            name = f"{split}/{number}{index:02d}_{index:06d}"
            label = f"labels/{name}.png" if split != "test" else None
            frame(root, f"images/{name}.jpg", label, [*range(7), 255], ROAD, [3, number, index])


def drive(root: Path, n: int) -> None:
    """Both splits, as PNGs of one name."""
    for split in ("training", "test"):
        eyes.drive_of_one_name(root, n, split=split)


def chase(root: Path, n: int) -> None:
    """Both eyes of children of both splits, of which the second has no more than eight."""
    for split, eyes_of in (("train", n), ("test", min(n, 8))):
        eyes.chase_db1_in_folders(root, eyes_of, split=split)


FOLDERS: dict[str, Write] = {
    "rendered-streets": rendered_streets,
    "camvid": camvid,
    "idd-lite": idd_lite,
    "fundus/drive": drive,
    "fundus/chase": chase,
}
"""By their places below ../shared."""
