"""Pictures for tests: a grid of coloured cells and what is where in it, and how they are saved."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[Any]
Size = tuple[int, int]

SIZE = (32, 24)


def scene(rng: np.random.Generator, size: Size, classes: int) -> tuple[Array, Array]:
    """An image uint8 (h, w, 3) and its ids uint8 (h, w): a grid of coloured cells with noise.

    A class has the same colour in every scene, so a network can learn it in a few steps.
    """
    width, height = size
    cells = rng.integers(0, classes, (3, 4))
    rows, columns = np.arange(height) * 3 // height, np.arange(width) * 4 // width
    ids = cells[np.ix_(rows, columns)].astype(np.uint8)
    colours = np.random.default_rng(1).integers(20, 235, (256, 3))
    image = colours[ids] + rng.normal(0, 12, (height, width, 3))
    return image.clip(0, 255).astype(np.uint8), ids


def save(path: Path, pixels: Array, palette: Sequence[tuple[int, int, int]] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    if palette is not None:
        image.putpalette(np.asarray(palette, np.uint8).tobytes())
    image.save(path)


def save_rgb16(path: Path, pixels: Array) -> None:
    """uint16 (h, w, 3) as a PNG of 16 bits a channel, which neither PIL nor torchvision writes."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)  # 0: no filter
    chunks = (
        (b"IHDR", struct.pack(">2I5B", width, height, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, data in chunks:
            checksum = zlib.crc32(kind + data)
            file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum))
