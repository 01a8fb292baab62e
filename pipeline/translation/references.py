"""What a translator has learnt of the target, as one file: a row of numbers for each reference."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np

from pipeline.domain.pixels import Mask, Pixels
from pipeline.runtime.compute import Compute
from pipeline.runtime.files import AGAIN, BadInput, readable, replacing
from pipeline.translation.colour import Floats


class Translator(Protocol):
    """What the classes of the room translators have in common, be they measured or trained."""

    def example(self, image: Pixels, inside: Mask | None) -> Floats:
        """A row (k,) as long as what is fitted has, for images uint8 (h, w, 3) of this size."""
        ...

    def take(self, fitted: Floats, compute: Compute) -> None:
        """Up what was fitted, float32 (count, k), before the first image."""
        ...

    def reference(self, rng: np.random.Generator) -> Floats:
        """What a copy of an image has of its own."""
        ...

    def translate(self, image: Pixels, inside: Mask | None, reference: Floats) -> Pixels:
        """An image of the source, uint8 (h, w, 3), as a reference has it; called from threads."""
        ...


class Measured(ABC):
    """A translator that is a formula: what is fitted are references, of which a copy draws one."""

    varies = False  # whether copies of an image differ that have one reference

    @abstractmethod
    def measure(self, image: Pixels, inside: Mask | None) -> Floats:
        """A reference: (k,) numbers of a target image uint8 (h, w, 3), of its pixels `inside`."""

    @abstractmethod
    def translate(self, image: Pixels, inside: Mask | None, reference: Floats) -> Pixels:
        """An image of the source, uint8 (h, w, 3), as a reference looks."""

    def example(self, image: Pixels, inside: Mask | None) -> Floats:
        """The image's own reference."""
        return self.measure(image, inside)

    def take(self, fitted: Floats, compute: Compute) -> None:
        """Up the references, float32 (count, k)."""
        self._fitted = fitted

    def reference(self, rng: np.random.Generator) -> Floats:
        """(k,): one of them."""
        drawn: Floats = self._fitted[int(rng.integers(len(self._fitted)))]
        return drawn


def write(path: Path, rows: Iterable[Floats], count: int) -> None:
    """`count` rows float32 (k,) as one .npy (count, k), each put on disk as it comes.

    Raises BadInput, and leaves what was there, for a row that is not finite.
    """
    with replacing(path) as partial:
        table = None
        for at, row in enumerate(rows):
            if not np.isfinite(row).all():
                raise BadInput(f"{path}: not written: row {at} has numbers that are not finite")
            if table is None:
                shape = (count, len(row))
                table = np.lib.format.open_memmap(partial, "w+", np.float32, shape)
            table[at] = row
        assert table is not None, "a target has images"
        table.flush()


def read(path: Path) -> Floats:
    """What `write` wrote, float32 (count, k); rows are read from disk as they are used.

    Raises BadInput for any other file.
    """
    with readable(path, "a fitted translator", AGAIN):
        table: Floats = np.load(path, mmap_mode="r", allow_pickle=False)
        if table.dtype != np.float32 or not table.size or table[0].ndim != 1:
            raise ValueError(f"{table.dtype} {table.shape}, not float32 rows")
        return table


def mean(rows: Iterable[Floats]) -> Floats:
    """float32 (k,): of rows that are held one at a time, summed in their order."""
    total, count = np.zeros(1), 0
    for row in rows:
        total, count = total + row.astype(np.float64), count + 1
    average: Floats = (total / count).astype(np.float32)
    return average


def keyed(seed: int, image: str, copy: int) -> np.random.Generator:
    """What draws for a copy of an image.

    By seed, name and copy alone: other images, and their order, do not change it.
    """
    key = (seed, zlib.crc32(image.encode(errors="surrogateescape")), copy)
    return np.random.default_rng(key)


def drawn(seed: int, image: str, copy: int, count: int) -> int:
    """Which of `count` references a copy of an image has."""
    return int(keyed(seed, image, copy).integers(count))
