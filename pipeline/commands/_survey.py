"""What the files of a domain hold: sizes of images, values or colours of labels."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from pipeline.commands._match import Found, pictured
from pipeline.domain import colours
from pipeline.domain.labels import check_size, read_raw
from pipeline.domain.pixels import COLOUR, INDEX, read_image
from pipeline.runtime.files import BadInput, readable
from pipeline.runtime.progress import track

MOST = 300
"""Files of a kind that are looked at; of more, these are drawn."""

_SEED = 1
_DECODED = 8
"""Images that are read whole: what is wrong with a camera's files is so with each."""
_SMALL = 40
"""Fewer files than this are read without a bar."""

Item = TypeVar("Item")


@dataclass
class Survey:
    """Of a domain: how many images are of which size, and what its labels hold.

    `pixels` by raw value, 0xRRGGBB where labels are `pictures`; `palette`: of a value its colour,
    where label files have one. `problems`: of files that cannot be read.
    """

    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    pixels: Counter[int] = field(default_factory=Counter)
    palette: dict[int, str] = field(default_factory=dict)
    pictures: bool = False
    looked: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def values(self) -> list[int]:
        """In their order, colours the most frequent first."""
        frequent = [value for value, _ in self.pixels.most_common()]
        return frequent if self.pictures else sorted(frequent)

    def share(self, value: int) -> float:
        """Of all pixels that were seen, in percent."""
        return 100 * self.pixels[value] / max(1, self.pixels.total())


def drawn(items: Sequence[Item]) -> list[Item]:
    """MOST of them at most, in their order, the same ones each time."""
    if len(items) <= MOST:
        return list(items)
    places = random.Random(_SEED).sample(range(len(items)), MOST)  # noqa: S311 - no secret
    return [items[place] for place in sorted(places)]


def survey(found: Found, name: str) -> Survey:
    """Looks at the files. Raises BadInput where no image, or no label of any, can be used."""
    made = Survey()
    sizes: dict[str, tuple[int, int]] = {}
    for place, pair in enumerate(drawn(found.pairs)):
        path = found.root / pair.image
        try:
            with readable(path, "an image"), Image.open(path) as image:
                sizes[pair.image] = image.size
            if place < _DECODED:
                read_image(path)
        except BadInput as error:
            made.problems.append(str(error))
    made.sizes.update(sizes.values())
    if not made.sizes:
        raise BadInput(f"{name}: no image can be read: {made.problems[-1]}")
    labelled = drawn(found.labelled)
    made.pictures = any(pictured(found.root / str(pair.label)) for pair in labelled)
    shown, many = f"{name}: labels", len(labelled) > _SMALL
    for pair in track(labelled, shown, len(labelled)) if many else labelled:
        try:
            _add(made, found.root / str(pair.label), sizes.get(pair.image))
        except BadInput as error:
            made.problems.append(str(error))
    if labelled and not made.looked:
        raise BadInput(f"{name}: no label can be used: {made.problems[-1]}")
    return made


def _add(made: Survey, path: Path, size: tuple[int, int] | None) -> None:
    """A label, whose image is of `size` where that was looked at."""
    raw = read_raw(path, COLOUR if made.pictures else INDEX)
    if size:
        check_size(path, raw.shape[::-1], size)
    values, counts = np.unique(raw, return_counts=True)
    if len(values) > colours.MANY and made.pictures:
        raise BadInput(
            f"{path}: {len(values)} colours, as of smoothing or JPEG; save it again without either"
        )
    made.looked += 1
    made.pixels.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
    with Image.open(path) as image:
        palette = image.getpalette() if image.mode == "P" else None
    for value in values.tolist() if palette and not made.pictures else ():
        colour = (palette or [])[3 * value : 3 * value + 3]
        if colour:
            red, green, blue = colour
            made.palette.setdefault(value, colours.text_of(colours.value((red, green, blue))))
