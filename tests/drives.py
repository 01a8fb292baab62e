"""Tiny driving data sets in the layouts of those that are used as targets; see worlds.py.

Beside each label lies what its authors ship there too, and what an editor or a system leaves.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.domain.taxonomy import CITYSCAPES, IDD_LITE, IGNORE
from tests.scenes import SIZE, Array, Size, save, scene

SEEN = ("road", "sidewalk", "building", "vegetation", "sky", "person", "car", "pole")
TRAIN_ID = {name: index for index, name in enumerate(CITYSCAPES.names)}
IDD_IDS = {
    "level3Ids": dict(zip(SEEN, (0, 2, 22, 24, 25, 4, 9, 20), strict=True)),
    "ids": dict(zip(SEEN, (0, 3, 29, 32, 33, 6, 12, 26), strict=True)),
    "csTrainIds": TRAIN_ID,
}
MAPILLARY = {
    "animal--bird": None,
    "construction--barrier--curb": "sidewalk",
    "construction--flat--road": "road",
    "construction--flat--sidewalk": "sidewalk",
    "construction--structure--building": "building",
    "human--person": "person",
    "marking--general": "road",
    "nature--sky": "sky",
    "nature--vegetation": "vegetation",
    "object--support--pole": "pole",
    "object--support--pole-group": None,
    "object--traffic-sign--back": None,
    "object--vehicle--car": "car",
    "void--unlabeled": None,
}
"""Some of its classes, in the order of the release's list, and what they are in Cityscapes."""


def drive(
    root: Path, size: Size, rng: np.random.Generator, image: str, label: str, ids: Any
) -> Array:
    """A frame, its label with the values `ids` of SEEN or of as many classes, and leftovers."""
    pixels, found = scene(rng, size, len(ids))
    raw = np.array(ids, np.uint8)[found]
    save(root / image, pixels)
    save(root / label, raw)
    (root / label).with_name(".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (root / label).with_name(f"._{Path(label).name}").write_bytes(b"resource fork")
    (root / image).with_name("Thumbs.db").write_bytes(b"thumbnails")
    (root / label).with_suffix(".json").write_text("{}")
    return raw


def _anonymous(
    root: Path, n: int, size: Size, rng: np.random.Generator, place: str, ids: str
) -> None:
    """The naming of ACDC and Dark Zurich, with their maps of colours and of what is invalid."""
    for index in range(n):
        stem = f"{place}/GOPR04{75 + index % 2}/GOPR04{75 + index % 2}_frame_{index:06d}"
        raw = drive(
            root, size, rng, f"rgb_anon/{stem}_rgb_anon.png", f"gt/{stem}_gt_{ids}.png",
            [TRAIN_ID[name] for name in SEEN],
        )  # fmt: skip
        save(root / f"gt/{stem}_gt_labelColor.png", np.stack([raw] * 3, axis=-1))
        save(root / f"gt/{stem}_gt_invGray.png", raw * 0)


def acdc(root: Path, n: int, size: Size = SIZE, seed: int = 0) -> dict[str, Any]:
    """The frames in turn in fog, at night, in rain and in snow; the other map of ids is a decoy."""
    rng = np.random.default_rng([seed, 6])
    for index, condition in enumerate(("fog", "night", "rain", "snow")):
        share = len(range(index, n, 4))
        (root / f"rgb_anon/{condition}/train").mkdir(parents=True, exist_ok=True)
        _anonymous(root, share, size, rng, f"{condition}/train", "labelTrainIds")
        _anonymous(root, 1, size, rng, f"{condition}/train_ref", "labelTrainIds")
    for path in [*root.glob("gt/*/*/*/*_gt_labelTrainIds.png")]:
        save(
            path.with_name(path.name.replace("TrainIds", "Ids")), np.full(size[::-1], 99, np.uint8)
        )
    return {"split": "train"}


def dark_zurich(root: Path, n: int, size: Size = SIZE, seed: int = 0) -> dict[str, Any]:
    """The night of the validation; frames of the day beside it, and to train, have no labels."""
    rng = np.random.default_rng([seed, 7])
    _anonymous(root, n, size, rng, "val/night", "labelTrainIds")
    for place in ("train/night", "train/day", "val_ref/day"):
        save(root / f"rgb_anon/{place}/GOPR0345/a_rgb_anon.png", scene(rng, size, len(SEEN))[0])
    return {"split": "val"}


def bdd100k(
    root: Path, n: int, size: Size = SIZE, seed: int = 0, release: str = "10k"
) -> dict[str, Any]:
    """Both releases' names; colour maps in a folder beside."""
    rng = np.random.default_rng([seed, 8])
    images, labels, end = {
        "10k": ("images/10k/train", "labels/sem_seg/masks/train", ""),
        "seg": ("seg/images/train", "seg/labels/train", "_train_id"),
    }[release]
    for index in range(n):
        stem = f"{index:08x}-3d581db5"
        raw = drive(
            root, size, rng, f"{images}/{stem}.jpg", f"{labels}/{stem}{end}.png",
            [TRAIN_ID[name] for name in SEEN],
        )  # fmt: skip
        colours = {"10k": "labels/sem_seg/colormaps/train", "seg": "seg/color_labels/train"}
        save(root / f"{colours[release]}/{stem}{end}.png", raw)
    return {"split": "train", "release": release}


def mapillary(
    root: Path, n: int, size: Size = SIZE, seed: int = 0, release: str = "v1.2"
) -> dict[str, Any]:
    """Palette PNGs of positions in the release's list; instances, 16 bits deep, beside them."""
    rng = np.random.default_rng([seed, 9])
    place = "training" if release == "v1.1" else f"training/{release}"
    for index in range(n):
        name = f"{index:04d}_M2kh294N9c72sICO990Uew"
        raw = drive(
            root, size, rng, f"training/images/{name}.jpg", f"{place}/labels/{name}.png",
            range(len(MAPILLARY)),
        )  # fmt: skip
        save(root / f"{place}/labels/{name}.png", raw, [(i, 3 * i % 256, 9) for i in range(256)])
        save(root / f"{place}/instances/{name}.png", raw.astype(np.uint16) * 256)
    config = {"labels": [{"name": name, "color": [0, 0, 0]} for name in MAPILLARY]}
    name = "config.json" if release == "v1.1" else f"config_{release}.json"
    (root / name).write_text(json.dumps(config))
    return {"split": "training", "release": release}


def idd(
    root: Path, n: int, size: Size = SIZE, seed: int = 0, ids: str = "level3Ids"
) -> dict[str, Any]:
    """PNG and JPEG frames, as in its two parts; polygons and instances beside the maps."""
    rng = np.random.default_rng([seed, 10])
    for index in range(n):
        stem = f"train/{index % 2}/{index:06d}"
        kind = ("png", "jpg")[index % 2]
        raw = drive(
            root, size, rng, f"leftImg8bit/{stem}_leftImg8bit.{kind}",
            f"gtFine/{stem}_gtFine_label{ids}.png", [IDD_IDS[ids][name] for name in SEEN],
        )  # fmt: skip
        save(root / f"gtFine/{stem}_gtFine_instance{ids}.png", raw.astype(np.uint16) * 1000)
        (root / f"gtFine/{stem}_gtFine_polygons.json").write_text("{}")
    return {"split": "train", "ids": ids}


def idd_lite(root: Path, n: int, size: Size = SIZE, seed: int = 0) -> dict[str, Any]:
    """Seven classes and 255; an instance map whose name ends like the label's."""
    rng = np.random.default_rng([seed, 11])
    for index in range(n):
        stem = f"train/{index % 2}/{index:06d}"
        raw = drive(
            root, size, rng, f"leftImg8bit/{stem}_image.jpg", f"gtFine/{stem}_label.png",
            [*range(len(IDD_LITE)), IGNORE],
        )  # fmt: skip
        save(root / f"gtFine/{stem}_inst_label.png", raw)
    return {"split": "train"}
