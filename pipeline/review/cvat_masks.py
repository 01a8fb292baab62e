"""CVAT's Segmentation mask 1.1: a picture of each label, in the colours of labelmap.txt.

https://docs.cvat.ai/docs/dataset_management/formats/format-smask
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.domain import colours, pictures
from pipeline.domain.labels import read_raw
from pipeline.domain.pixels import COLOUR, INDEX, Coding, Pixels
from pipeline.domain.taxonomy import IGNORE
from pipeline.review import archives
from pipeline.review.tasks import Item, Task
from pipeline.runtime.files import BadInput, below, readable, write_bytes

_MAP, _MASKS = "labelmap.txt", "SegmentationClass"
_BLACK = (0, 0, 0)
_FIELDS = 4  # name : colour : parts : actions

Labelmap = list[tuple[str, colours.Colour]]


def write(folder: Path, task: Task, items: Iterable[Item]) -> None:
    """labelmap.txt, SegmentationClass/ and the list of its names."""
    for name in task.taxonomy.names:
        if ":" in name or name.startswith("#"):
            raise BadInput(f"classes: {name!r} cannot stand in {_MAP}; rename it, or take cvat")
    nothing = "ignored" if "background" in task.taxonomy.names else "background"
    rows = [(nothing, _BLACK), *zip(task.taxonomy.names, task.taxonomy.colours, strict=True)]
    lines = [f"{name}:{','.join(map(str, colour))}::\n" for name, colour in rows]
    write_bytes(folder / _MAP, "".join(["# label:color_rgb:parts:actions\n", *lines]).encode())
    names = []
    for name, label in items:
        picture = Image.fromarray(pictures.colourise(label, task.taxonomy.colours))
        pictures.write_image(folder / _MASKS / f"{name}.png", picture)
        names.append(f"{name}\n")
    write_bytes(folder / "ImageSets/Segmentation/default.txt", "".join(names).encode())


def read(path: Path, task: Task) -> Iterator[Item | BadInput]:
    """The labels of an archive, or of a folder of PNGs; without labelmap.txt in the task's colours.

    A colour that has no name there, and black, which is ignored unless a class has it, are told.
    """
    with archives.opened(path) as folder:
        maps = [file for file in below(folder) if file.name == _MAP]
        classes = _labelmap(maps[0]) if maps else _own(task)
        top = next((f for f in below(folder) if f.name == _MASKS and f.is_dir()), folder)
        for file in sorted(top.rglob("*.png")):
            try:
                yield file.stem, _label(file, classes, task)
            except BadInput as error:
                yield archives.named(error, folder, path)


def _own(task: Task) -> Labelmap:
    return [("", _BLACK), *zip(task.taxonomy.names, task.taxonomy.colours, strict=True)]


def _labelmap(path: Path) -> Labelmap:
    with readable(path, "a label map of CVAT's", archives.AGAIN):
        text = path.read_text(encoding="utf-8")
        lines = [line.split(":") for line in text.splitlines() if line.strip() and line[0] != "#"]
        if any(len(line) != _FIELDS for line in lines):
            raise ValueError(f"a line has not {_FIELDS} fields with ':' between them")
        found = []
        for name, colour, _, _ in lines:
            red, green, blue = map(int, colour.split(","))
            found.append((name, (red, green, blue)))
    return found


def _label(path: Path, classes: Labelmap, task: Task) -> Pixels:
    with readable(path, "a label"), Image.open(path) as image:
        coded, size = INDEX if image.mode == "L" else COLOUR, image.size
    task.check_size(*size, str(path))
    known = {}
    for place, (name, colour) in enumerate(classes):
        value = place if coded == INDEX else colours.value(colour)
        if colour == _BLACK and name not in task.taxonomy.names:
            known[value] = IGNORE
        else:
            known[value] = task.class_of(name, str(path))
    raw = read_raw(path, coded)
    ids = Coding(known, coded).ids(raw)
    if (other := raw[ids < 0]).size:
        told = colours.counted(*np.unique(other, return_counts=True))
        raise BadInput(f"{path}: {told} of no class; they are in no line of {_MAP}")
    return ids.astype(np.uint8)
