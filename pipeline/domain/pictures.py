"""Label maps and pictures between stages, as PNG: the same bytes for the same content."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.domain import colours
from pipeline.domain.colours import Colour
from pipeline.domain.labels import exact_values, read_raw
from pipeline.domain.pixels import COLOUR, Coding, Pixels
from pipeline.domain.taxonomy import IGNORE
from pipeline.runtime.files import BadInput, readable, write_bytes


def write_label(path: Path, label: Pixels, colours: Sequence[Colour]) -> None:
    """uint8 (height, width) train ids as an 8-bit palette PNG; IGNORE shows black."""
    image = Image.fromarray(label)
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colours)] = colours
    image.putpalette(palette.tobytes())
    write_image(path, image)


def read_label_map(path: Path, classes: int, own: Sequence[Colour] = ()) -> Pixels:
    """What `write_label` wrote, uint8 (height, width). Raises BadInput naming the file.

    With the classes' `own` colours also what an editor made of it: RGB of these, black for IGNORE.
    """
    with readable(path, "a label map"), Image.open(path) as image:
        if own and image.mode in ("RGB", "RGBA"):
            exact_values(image, ["PNG"])
            return _of_colours(path, own)
        if image.mode not in ("P", "L"):
            raise ValueError(f"mode {image.mode}, not one 8-bit channel")
        exact_values(image, ["PNG"])
        label = np.asarray(image)
    if (label[label != IGNORE] >= classes).any():
        value = label[label != IGNORE].max()
        raise BadInput(f"{path}: value {value}; train ids run from 0 to {classes - 1}, or 255")
    return label


class LabelMaps(Mapping[str, Pixels]):
    """A folder of them by the names of their images, each read when it is asked for."""

    def __init__(self, folder: Path, classes: int) -> None:
        self.folder, self.classes = folder, classes
        self.names = dict.fromkeys(sorted(path.stem for path in folder.glob("*.png")))

    def __getitem__(self, name: str) -> Pixels:
        if name not in self.names:
            raise KeyError(name)
        return read_label_map(self.folder / f"{name}.png", self.classes)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def _of_colours(path: Path, own: Sequence[Colour]) -> Pixels:
    known = {0: IGNORE} | {colours.value(colour): index for index, colour in enumerate(own)}
    raw = read_raw(path, COLOUR)
    ids = Coding(known, COLOUR).ids(raw)
    if (other := raw[ids < 0]).size:
        told = colours.counted(*np.unique(other, return_counts=True))
        shown = ", ".join(map(colours.text_of, [*known][1:]))
        raise BadInput(f"{path}: {told} of no class; use {shown}, or black for what is ignored")
    return ids.astype(np.uint8)


def colourise(label: Pixels, colours: Sequence[Colour]) -> Pixels:
    """uint8 (h, w) train ids -> uint8 (h, w, 3) RGB; IGNORE is black."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(colours)] = colours
    return table[label]


def write_image(path: Path, image: Image.Image) -> None:
    """Any picture as PNG."""
    sink = io.BytesIO()
    image.save(sink, format="PNG", compress_level=3)
    write_bytes(path, sink.getvalue())
