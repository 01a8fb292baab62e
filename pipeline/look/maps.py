"""An image's maps as a script file: a page that is opened from disk may load no other data."""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.domain.pixels import Pixels
from pipeline.runtime.files import write_bytes

_CALL, _END = "look.put(", ");\n"

LEVELS = 32
"""Steps of confidence between 0 and 1: as many as a heat map shows."""


WHOLE = np.iinfo(np.uint16).max
"""What a share of 1 is in a packed table of shares."""


def size_of(working: tuple[int, int], width: int) -> tuple[int, int]:
    """(width, height) of panels at most `width` wide, never larger than the working size."""
    width = min(width, working[0])
    return width, max(1, round(working[1] * width / working[0]))


def file(folder: Path, index: int, suffix: str = "js") -> Path:
    """By the image's place in the target: no name of the user's is ever part of an address."""
    return folder / f"{index:05d}.{suffix}"


def write_picture(path: Path, image: Pixels, quality: int) -> None:
    """uint8 (h, w, 3) as a JPEG."""
    sink = io.BytesIO()
    Image.fromarray(image).save(sink, format="JPEG", quality=quality)
    write_bytes(path, sink.getvalue())


def pack(plane: npt.NDArray[Any]) -> str:
    """Any array's bytes in C order, compressed, as base64: a third of run lengths as text."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(plane).tobytes(), 6)).decode()


def unpack(packed: str, size: tuple[int, int]) -> Pixels:
    """uint8 (height, width) that was packed, of a size (width, height)."""
    flat = np.frombuffer(zlib.decompress(base64.b64decode(packed)), np.uint8)
    return flat.reshape(size[::-1])


def script(call: str, content: Any) -> bytes:
    """A call with one JSON argument; ASCII without '<', so that nothing can end a script early."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return (call + text.replace("<", "\\u003c") + _END).encode("ascii")


def write(path: Path, key: str, index: int, planes: Mapping[str, npt.NDArray[Any]]) -> None:
    """`planes` of image `index`, under `key`: a round's name, or '' for what no round changes."""
    packed = {name: pack(plane) for name, plane in planes.items()}
    write_bytes(path, script(_CALL, {"key": key, "index": index, "planes": packed}))


def read(path: Path) -> dict[str, str]:
    """The packed planes that `write` wrote."""
    planes: dict[str, str] = json.loads(path.read_text(encoding="ascii")[len(_CALL) : -len(_END)])[
        "planes"
    ]
    return planes
