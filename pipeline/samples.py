"""An image with its (optional) label, and how a domain lies on disk between stages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]

INDEX = "index"
"""Labels are single-channel (or palette) PNGs whose pixel value is the raw value."""
RED16 = "red16"
"""Labels are 16-bit RGB PNGs with the raw value in the first channel (SYNTHIA)."""


_ORIENTATION = 0x0112
_LARGEST = 65535
_OPAQUE = 255


class BadInput(ValueError):
    """Something of the user's is wrong; the message names the file, the value and the fix."""


@contextmanager
def readable(path: Path, kind: str, fix: str = "replace the file") -> Iterator[None]:
    """Whatever a damaged or foreign file raises while it is read becomes a BadInput naming it."""
    try:
        yield
    except BadInput:
        raise
    except Exception as error:  # which they are depends on the format and the damage
        reason = (str(error) or repr(error)).splitlines()[0]
        raise BadInput(f"{path}: cannot be read as {kind} ({reason}); {fix}") from error


@contextmanager
def writable(path: Path, kept: str = "") -> Iterator[None]:
    """A full disk, a file where a folder should be, a lacking right: a BadInput naming the path.

    `kept`: what to add of that which was there.
    """
    try:
        yield
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be written: {error}; make room, or look at the folder's rights, and "
            f"run it again{kept}"
        ) from error


@dataclass(frozen=True)
class Pair:
    """An image and its label below a domain's root, as relative POSIX paths."""

    image: str
    label: str | None = None


@dataclass(frozen=True)
class Coding:
    """How a label file's pixels become train ids: its encoding, and raw value -> id."""

    values: Mapping[int, int]
    encoding: str = INDEX

    def table(self) -> npt.NDArray[np.int16]:
        """(65536,) int16: the id of each raw value, -1 where it is unknown."""
        table = np.full(65536, -1, np.int16)
        table[list(self.values)] = list(self.values.values())
        return table


@dataclass(frozen=True)
class Sample:
    """One row of a domain's index. Hashes are hex digests of the files' bytes."""

    domain: str
    image: str
    image_hash: str
    height: int
    width: int
    label: str | None = None
    label_hash: str | None = None

    @property
    def name(self) -> str:
        """A file name for what is made of this image."""
        return file_name(self.image)


def file_name(image: str) -> str:
    """An image's path below its root as one name: '/' as '__', no suffix."""
    return str(PurePosixPath(image).with_suffix("")).replace("/", "__")


@dataclass
class Domain:
    """The samples of one domain, read at its working size (width, height).

    `image(i)` is uint8 (height, width, 3) RGB; `label(i)` is uint8 (height, width) train ids.
    Decoded samples stay in memory until `memory` MB are used: images are drawn evenly, so
    evicting any for another would gain nothing.
    """

    samples: Sequence[Sample]
    root: Path
    size: tuple[int, int]
    coding: Coding = field(default_factory=lambda: Coding({}))
    memory: int = 0
    _kept: dict[tuple[str, int], Pixels] = field(default_factory=dict, init=False, repr=False)
    _used: int = field(default=0, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.samples)

    def image(self, index: int) -> Pixels:
        """RGB at the working size, resized with anti-aliasing."""
        return self._keep("image", index)

    def label(self, index: int, size: tuple[int, int] | None = None) -> Pixels:
        """Train ids at the working size (nearest neighbour), or at another (width, height)."""
        return self._keep("label", index) if size is None else self._label(index, size)

    def _keep(self, kind: str, index: int) -> Pixels:
        kept = self._kept.get((kind, index))
        if kept is None:
            kept = self._image(index) if kind == "image" else self._label(index, self.size)
            if self._used + kept.nbytes <= self.memory * 1_000_000:
                self._used += kept.nbytes
                self._kept[kind, index] = kept
        return kept

    def _image(self, index: int) -> Pixels:
        return resize(read_image(self.root / self.samples[index].image), self.size)

    def _label(self, index: int, size: tuple[int, int]) -> Pixels:
        label = self.samples[index].label
        if label is None:
            raise BadInput(f"{self.samples[index].image}: has no label")
        return resize_label(read_label(self.root / label, self.coding), size)


def read_image(path: Path) -> Pixels:
    """Any image PIL reads, as uint8 (height, width, 3) RGB. Raises BadInput naming the file."""
    with readable(path, "an image"), Image.open(path) as image:
        _plain(image)
        return np.asarray(image.convert("RGB"))


def _plain(image: Image.Image) -> None:
    """Raises ValueError where eight bits of RGB would not be what a viewer shows."""
    if image.mode.startswith(("I", "F")):
        raise ValueError(f"mode {image.mode} has no fixed range; convert it to 8-bit RGB")
    turned = image.getexif().get(_ORIENTATION, 1)
    if turned not in (0, 1):
        raise ValueError(f"EXIF orientation {turned}; turn the pixels themselves")
    if image.has_transparency_data and np.asarray(image.convert("RGBA"))[..., 3].min() < _OPAQUE:
        raise ValueError("partly transparent; put it on a background")


def read_raw(path: Path, encoding: str) -> npt.NDArray[np.uint16]:
    """The raw values of a label file, uint16 (height, width). Raises BadInput naming the file."""
    with readable(path, "a label"):
        if encoding == RED16:
            return _red16(path)
        with Image.open(path) as image:
            if image.mode not in ("P", "L", "I;16", "I"):
                raise ValueError(f"mode {image.mode}; a label has one channel of class values")
            raw = np.asarray(image)
        if raw.min() < 0 or raw.max() > _LARGEST:
            raise ValueError(f"values {raw.min()} to {raw.max()}; they go from 0 to {_LARGEST}")
        return raw.astype(np.uint16)


def _red16(path: Path) -> npt.NDArray[np.uint16]:
    # Pillow keeps the high byte of each 16 bits, which of the same bytes turned round is the low
    # one. torchvision keeps both, but ends the process where the file is damaged.
    both = np.stack([_red8(path, order) for order in ("L", "B")], axis=-1)
    return both.view("<u2")[..., 0].astype(np.uint16)


def _red8(path: Path, order: str) -> Pixels:
    with Image.open(path) as image:
        stored = [tile.args for tile in image.tile]
        if stored != ["RGB;16B"]:
            raise ValueError(f"{image.mode} stored as {stored}, not 16-bit RGB")
        image.tile = [image.tile[0]._replace(args=f"RGB;16{order}")]
        return np.asarray(image.getchannel(0))


def read_label(path: Path, coding: Coding) -> Pixels:
    """Train ids uint8 (height, width) of a label file. Raises BadInput naming unknown values."""
    raw = read_raw(path, coding.encoding)
    ids = coding.table()[raw]
    if ids.min() < 0:
        unknown = ", ".join(map(str, np.unique(raw[ids < 0])[:5]))
        raise BadInput(f"{path}: unknown label values {unknown}; name them in label_map or ignore")
    return ids.astype(np.uint8)


def resize(image: Pixels, size: tuple[int, int]) -> Pixels:
    """uint8 (h, w, 3) to (width, height), bilinear with anti-aliasing."""
    if image.shape[1::-1] == size:
        return image
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def resize_label(label: Pixels, size: tuple[int, int]) -> Pixels:
    """uint8 (h, w) to (width, height), nearest neighbour."""
    if label.shape[::-1] == size:
        return label
    return np.asarray(Image.fromarray(label).resize(size, Image.Resampling.NEAREST))
