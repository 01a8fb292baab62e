"""What goes to an annotation tool together, and what a label is there: layers of classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from pipeline.domain.pixels import Mask, Pixels
from pipeline.domain.taxonomy import IGNORE, Taxonomy
from pipeline.runtime.files import BadInput

IMAGES = "images"
"""The folder of images in what is exported, each of which is <name>.png."""

Item = tuple[str, Pixels]
"""An image's name as a file, and its label uint8 (height, width), 255 where it has none."""


@dataclass(frozen=True)
class Task:
    """The images of one round: their classes, and their working size (width, height)."""

    name: str
    taxonomy: Taxonomy
    size: tuple[int, int]

    def class_of(self, name: object, where: str) -> int:
        """The train id of a class's name. Raises BadInput that begins with `where`."""
        if name not in self.taxonomy.names:
            known = ", ".join(self.taxonomy.names)
            raise BadInput(f"{where}: {name!r} is no class; rename it to one of {known}")
        return self.taxonomy.names.index(str(name))

    def check_size(self, width: object, height: object, where: str) -> None:
        """Raises BadInput where an image has been scaled on its way."""
        if (width, height) != self.size:
            raise BadInput(
                f"{where}: {width}x{height}, but labels are {self.size[0]}x{self.size[1]}; "
                "annotate the images that were exported, as they are"
            )

    def painted(self, layers: Iterable[tuple[int, Mask]]) -> Pixels:
        """The label of layers, each over those before it."""
        label = np.full(self.size[::-1], IGNORE, np.uint8)
        for of_class, mask in layers:
            label[mask] = of_class
        return label


def layers(label: Pixels) -> Iterator[tuple[int, Mask]]:
    """The classes of a label, and where each is, bool (height, width)."""
    for of_class in np.unique(label[label != IGNORE]).tolist():
        yield of_class, label == of_class


def name_of(path: str) -> str:
    """The name of an image whose file a tool names, in whichever folder it has it."""
    return PurePosixPath(path.replace("\\", "/")).stem
