"""An image with its (optional) label, and how a domain lies on disk between stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np

from pipeline.domain.labels import read_label, read_region
from pipeline.domain.pixels import Coding, Mask, Pixels, read_image, resize, resize_label
from pipeline.domain.taxonomy import IGNORE
from pipeline.runtime.files import BadInput, digest


@dataclass(frozen=True, slots=True)
class Pair:
    """An image and its label below a domain's root, as relative POSIX paths.

    `wanted`: where the label was looked for. `region`: the file that says which pixels count, be
    it there or not; None where all do.
    """

    image: str
    label: str | None = None
    wanted: str | None = field(default=None, compare=False)
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of a domain's index. Hashes are what `digest` gives, "" where it is not known.

    `pixels`, of a source's: how many are of each class, up to the last that it has.
    """

    domain: str
    image: str
    image_hash: str
    height: int
    width: int
    label: str | None = None
    label_hash: str | None = None
    region: str | None = None
    region_hash: str | None = None
    pixels: tuple[int, ...] | None = None

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

    def region(self, index: int) -> Mask | None:
        """Which pixels count, bool (height, width); None: all. In labels the others are IGNORE."""
        inside = self._region(index)
        return None if inside is None else resize_label(inside.view(np.uint8), self.size) > 0

    def _keep(self, kind: str, index: int) -> Pixels:
        kept = self._kept.get((kind, index))
        if kept is None:
            kept = self._image(index) if kind == "image" else self._label(index, self.size)
            if self._used + kept.nbytes <= self.memory * 1_000_000:
                self._used += kept.nbytes
                self._kept[kind, index] = kept
        return kept

    def _image(self, index: int) -> Pixels:
        sample = self.samples[index]
        return resize(read_image(self._same(sample.image, sample.image_hash)), self.size)

    def _label(self, index: int, size: tuple[int, int]) -> Pixels:
        sample = self.samples[index]
        if sample.label is None:
            raise BadInput(f"{sample.image}: has no label")
        label = read_label(self._same(sample.label, sample.label_hash), self.coding)
        inside = self._region(index)
        if inside is not None:
            label[~inside] = IGNORE
        return resize_label(label, size)

    def _region(self, index: int) -> Mask | None:
        sample = self.samples[index]
        if sample.region is None:
            return None
        return read_region(self._same(sample.region, sample.region_hash), self.coding)

    def _same(self, name: str, expected: str | None) -> Path:
        """The file, if it is what was indexed: a run that goes on must not learn from another."""
        path = self.root / name
        if expected and digest(path) != expected:
            raise BadInput(f"{path}: has changed since prepare read it; run dvc repro")
        return path


class Joined:
    """Domains one after the other, by name, as one domain of the size of the first.

    `names` are those of its images, with that of their domain before them where there are several.
    """

    def __init__(self, domains: Mapping[str, Domain]) -> None:
        self.size = next(iter(domains.values())).size
        sized = [replace(domain, size=self.size, memory=0) for domain in domains.values()]
        self._at = [(domain, index) for domain in sized for index in range(len(domain))]
        self.samples = [sample for domain in domains.values() for sample in domain.samples]
        of = [f"{name}/" for name, domain in domains.items() for _ in domain.samples]
        several = len(domains) > 1
        self.names = [
            f"{before * several}{sample.image}"
            for before, sample in zip(of, self.samples, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.samples)

    def image(self, index: int) -> Pixels:
        """As Domain's."""
        domain, own = self._at[index]
        return domain.image(own)

    def label(self, index: int) -> Pixels:
        """As Domain's, at the working size."""
        domain, own = self._at[index]
        return domain.label(own)

    def region(self, index: int) -> Mask | None:
        """As Domain's."""
        domain, own = self._at[index]
        return domain.region(own)
