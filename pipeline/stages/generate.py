"""Write the built-in world of streets as GTA5 and Cityscapes lie on disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline import streets
from pipeline.domain import pictures
from pipeline.domain.pixels import Pixels
from pipeline.domain.taxonomy import CITYSCAPES, LABEL_IDS
from pipeline.runtime import process
from pipeline.runtime.files import BadInput
from pipeline.runtime.params import load
from pipeline.runtime.progress import track
from pipeline.sections.generate import VAL_FROM, Params

CITIES = {"train": ("aldersum", "birkenau", "corvin"), "val": ("dornfeld", "eschwede")}
"""Made up; as in Cityscapes, no city of the one split is in the other."""

_FIRST = {"train": 0, "val": VAL_FROM}
_EGO_VEHICLE = 1  # the labelId of the only thing that streets ignores


@dataclass(frozen=True)
class Frame:
    """A scene by its index, and where its image and label go, relative to the folder."""

    index: int
    image: str
    label: str


def run(params: Params, folder: Path) -> None:
    """Render every frame into `folder`, the same bytes for the same `params`.

    Raises BadInput for a folder with files in it: those of other params would stay.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise BadInput(f"{folder}: is not empty; remove it, or choose another folder")
    scenes = list(frames(params))
    with ProcessPoolExecutor(os.cpu_count(), initializer=process.die_with_stage) as pool:
        done = pool.map(partial(_write, params, folder), scenes)
        for _ in track(done, "generate", len(scenes)):
            pass


def frames(params: Params) -> Iterator[Frame]:
    """Where each scene goes, the train images first."""
    if params.layout == "gta5":
        for index in range(params.images):
            yield Frame(index, f"images/{index + 1:05d}.png", f"labels/{index + 1:05d}.png")
        return
    for split, count in (("train", params.images), ("val", params.val)):
        cities = CITIES[split]
        for number in range(count):
            city = cities[number % len(cities)]
            place = f"{split}/{city}/{city}_{number // len(cities):06d}_000019"
            yield Frame(
                _FIRST[split] + number,
                f"leftImg8bit/{place}_leftImg8bit.png",
                f"gtFine/{place}_gtFine_labelIds.png",
            )


def _write(params: Params, folder: Path, frame: Frame) -> None:
    image, train_ids = streets.render(
        params.style, params.seed, frame.index, params.width, params.height
    )
    label = _label_ids()[train_ids]
    pictures.write_image(folder / frame.image, Image.fromarray(image))
    if params.layout == "gta5":
        pictures.write_label(folder / frame.label, label, _colours())
    else:
        pictures.write_image(folder / frame.label, Image.fromarray(label))


def _label_ids() -> Pixels:
    """(256,) uint8: the labelId of each train id."""
    raw = {name: value for value, name in LABEL_IDS.items()}
    table = np.full(256, _EGO_VEHICLE, np.uint8)
    table[: len(CITYSCAPES)] = [raw[name] for name in CITYSCAPES.names]
    return table


def _colours() -> list[tuple[int, int, int]]:
    """Cityscapes' colour of each labelId, black for those that are ignored."""
    known = dict(zip(CITYSCAPES.names, CITYSCAPES.colours, strict=True))
    return [known.get(LABEL_IDS[raw] or "", (0, 0, 0)) for raw in range(35)]


def main() -> None:
    """Generate the world that params.yaml describes as generate.<item>."""
    at = process.paths("out", item=True)
    params = load(Params, f"generate.{at.item}")
    run(params, at.out)
    print(f"{at.item}: {params.images} images to train, {params.val} to validate")


if __name__ == "__main__":
    process.stage(main)
