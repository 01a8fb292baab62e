"""Logits on disk: float16 on a coarse grid in Parquet, one image a row group."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.domain.windows import WHOLE, Window
from pipeline.runtime.files import BadInput, readable, replacing

Logits = npt.NDArray[np.float16]

PER_FILE = 32
"""Images in one file of predictions: which file an image is in follows from its index alone."""


def files(images: int) -> dict[str, range]:
    """Each file's name and the indices of its images, whoever writes it."""
    starts = range(0, images, PER_FILE)
    return {
        f"{start // PER_FILE:05d}.parquet": range(start, min(start + PER_FILE, images))
        for start in starts
    }


_PREDICTION = pa.schema(
    [
        ("image", pa.string()),
        ("height", pa.int32()),  # of the label to be made
        ("width", pa.int32()),
        ("shape", pa.list_(pa.int32(), 3)),  # classes, rows and columns of the grid
        ("window", pa.list_(pa.float64(), 4)),  # what the grid covers of the image
        ("logits", pa.large_binary()),  # float16, C order, less each cell's maximum
        ("cells", pa.list_(pa.int32())),  # of Flips; null where nothing was mirrored
        ("unlike", pa.list_(pa.int32())),
    ]
)

Flips = tuple[Sequence[int], Sequence[int]]
"""By class, cells of the network's grid that are predicted as it, and of these those in which the
image and its mirror image have different classes."""

_KIND = ("predictions", "run dvc repro, which restores or makes them again")
_EXPONENT = 0x7C00


@dataclass(frozen=True)
class Prediction:
    """Logits float16 (classes, rows, columns) on a grid that covers `window` of an image.

    The image's label is to have height x width pixels.
    """

    image: str
    height: int
    width: int
    logits: Logits
    window: Window = WHOLE
    flips: Flips | None = None


def write(folder: Path, files: Mapping[str, range], found: Iterable[Prediction]) -> None:
    """The predictions of all images of `files`, in their order; one image in memory."""
    rest = iter(found)
    for name, images in files.items():
        _write_file(folder / name, islice(rest, len(images)))


def _write_file(path: Path, found: Iterable[Prediction]) -> None:
    """A file that has its name once it is whole; shards on other machines may write it too."""
    # logits hardly compress, and plain encoding reads at the disk's speed
    plain = {"compression": "none", "use_dictionary": False}
    with (
        replacing(path, f".{socket.gethostname()}.{os.getpid()}") as partial,
        pq.ParquetWriter(partial, _PREDICTION, **plain) as writer,
    ):
        for prediction in found:
            writer.write_table(_row(prediction), row_group_size=1)


def check_finite(logits: Logits, where: str) -> None:
    """Raises BadInput for NaN and infinity, by their bits: five times as fast as isfinite."""
    if ((logits.view(np.uint16) & _EXPONENT) == _EXPONENT).any():
        raise BadInput(
            f"{where}: some logits are NaN or infinite; train the teacher again, with a lower "
            "training.optimiser.lr"
        )


def _row(prediction: Prediction) -> pa.Table:
    check_finite(prediction.logits, prediction.image)
    row = {
        "image": prediction.image,
        "height": prediction.height,
        "width": prediction.width,
        "shape": list(prediction.logits.shape),
        "window": list(prediction.window),
        "logits": prediction.logits.tobytes(),
        **dict(zip(("cells", "unlike"), prediction.flips or (None, None), strict=True)),
    }
    return pa.Table.from_pylist([row], schema=_PREDICTION)


def _names(file: Path) -> list[str]:
    """The images of a file, without their logits."""
    with readable(file, *_KIND):
        names: list[str] = pq.read_table(file, columns=["image"])["image"].to_pylist()
        return names


class Predictions:
    """A folder of predictions, read one image at a time, from any thread."""

    def __init__(self, folder: Path, classes: int | None = None) -> None:
        """Raises BadInput without any. `classes`: how many each must have; None is any number."""
        self._classes = classes
        self._files = sorted(folder.glob("*.parquet"))
        counts = []
        for file in self._files:
            with readable(file, *_KIND):
                counts.append(pq.read_metadata(file).num_row_groups)
        of = np.arange(len(counts)).repeat(counts)
        groups = [np.arange(count) for count in counts]
        self._places = np.stack([of, np.concatenate([of[:0], *groups])], 1)  # file, row group
        if not len(self._places):
            raise BadInput(f"{folder}: holds no predictions; run dvc repro")
        self[0]  # of other classes it is refused at once

    def check_images(self, images: Sequence[str]) -> None:
        """Raises BadInput where they are not of these images, in this order."""
        found = [image for file in self._files for image in _names(file)]
        if found != [*images]:
            raise BadInput(
                f"{self._files[0].parent}: predictions of {len(found)} images that are not the "
                f"target's {len(images)}, or in another order; run dvc repro"
            )

    def only(self, indices: Sequence[int]) -> Predictions:
        """Those of some images, in the order of `indices`."""
        chosen = copy(self)
        chosen._places = self._places[[*indices]]
        return chosen

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Prediction:
        of, group = self._places[index].tolist()
        file = self._files[of]
        with readable(file, *_KIND):
            with pq.ParquetFile(file) as opened:
                row = opened.read_row_group(group, use_threads=False)
            buffer = row["logits"][0].as_buffer()
            logits = np.frombuffer(buffer, np.float16).reshape(row["shape"][0].as_py())
            height, width = row["height"][0].as_py(), row["width"][0].as_py()
            image = row["image"][0].as_py()
            left, top, right, bottom = row["window"][0].as_py()
            cells, unlike = row["cells"][0].as_py(), row["unlike"][0].as_py()
        check_finite(logits, f"{file}: {image}")
        if self._classes not in (None, len(logits)):
            raise BadInput(
                f"{file}: {image}: {len(logits)} classes, but the task has {self._classes}; train "
                "the teacher again with these"
            )
        flips = None if cells is None else (cells, unlike)
        return Prediction(image, height, width, logits, (left, top, right, bottom), flips)

    def __iter__(self) -> Iterator[Prediction]:
        return (self[index] for index in range(len(self)))
