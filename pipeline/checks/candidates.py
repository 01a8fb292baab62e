"""A domain's images before they are checked, and the check of one: it is decoded, with what it has.

That is its label and, of some data sets, its region: a mask of the pixels that count.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.checks.census import Counts
from pipeline.domain.labels import check_size, read_label, read_region
from pipeline.domain.pixels import Coding, Mask, read_image, resize_label
from pipeline.domain.samples import Pair, Sample, file_name
from pipeline.domain.taxonomy import IGNORE
from pipeline.runtime.files import BadInput, digest

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_LONGEST = 240
"""Bytes of a name: file systems take 255, and a suffix and a temporary file's mark follow."""


@dataclass(frozen=True)
class Candidates:
    """The pairs of a domain (target, val or a source by its name) before they are checked."""

    domain: str
    root: Path
    pairs: Sequence[Pair]
    coding: Coding
    strays: Mapping[str, str] = field(default_factory=dict)
    """Labels of no image, and the image that was looked for."""
    size: tuple[int, int] | None = None  # the working size (width, height); None is each label's


def candidates(
    domain: str,
    root: Path,
    dataset: Any,
    ids: Mapping[int, int],
    size: tuple[int, int] | None = None,
) -> Candidates:
    """What a reader finds; `ids`: raw value -> train id. Raises BadInput as the reader does."""
    pairs = dataset.pairs()
    strays = dataset.strays() if hasattr(dataset, "strays") else {}
    coding = Coding(ids, dataset.encoding, getattr(dataset, "dark", 0))
    return Candidates(domain, root, pairs, coding, strays, size)


@dataclass(frozen=True)
class Checked:
    """An image by itself: no sample if it is bad, no label in the sample if that is bad."""

    domain: str
    pair: Pair
    sample: Sample | None
    problem: str | None
    pixels: Counts | None = None

    @property
    def refusal(self) -> str | None:
        """Why its domain cannot have it; a target image needs no label."""
        return None if self.domain == "target" and self.sample else self.problem


def check(found: Candidates, pair: Pair) -> Checked:
    """Decode an image and what it has."""
    root, sample = found.root, None
    try:
        _check_name(root, pair.image)
        height, width = read_image(root / pair.image).shape[:2]
        region = _region(found, pair, (width, height))
        sample = Sample(found.domain, pair.image, digest(root / pair.image), height, width)
        if pair.region is not None:
            hashed = digest(root / pair.region)
            sample = replace(sample, region=pair.region, region_hash=hashed)
        if pair.label is None:
            wanted = pair.wanted or "it"
            raise BadInput(f"{pair.image}: has no label; add {wanted} or remove the image")
        pixels = _pixels(found, pair.label, (width, height), region)
    except BadInput as error:  # without the root: a report does not depend on the machine
        return Checked(found.domain, pair, sample, str(error).replace(f"{root}/", ""))
    labelled = replace(sample, label=pair.label, label_hash=digest(root / pair.label))
    return Checked(found.domain, pair, labelled, None, pixels)


def _region(found: Candidates, pair: Pair, size: tuple[int, int]) -> Mask | None:
    if pair.region is None:
        return None
    if not (found.root / pair.region).exists():
        raise BadInput(f"{pair.image}: has no mask; add {pair.region} or remove the image")
    _check_name(found.root, pair.region)
    region = read_region(found.root / pair.region, found.coding)
    check_size(pair.region, region.shape[::-1], size)
    if not resize_label(region.view(np.uint8), found.size or size).any():
        raise BadInput(
            f"{pair.region}: no pixel is brighter than {found.coding.dark}, so none of the image "
            "counts; replace it or remove the image"
        )
    return region


def _pixels(found: Candidates, name: str, size: tuple[int, int], region: Mask | None) -> Counts:
    """How many pixels each train id has in a label, at the working size."""
    _check_name(found.root, name)
    label = read_label(found.root / name, found.coding)
    check_size(name, label.shape[::-1], size)
    if region is not None:
        label[~region] = IGNORE
    if found.domain != "target" and (label == IGNORE).all():
        raise BadInput(f"{name}: no pixel has a class, all are ignored; label some or remove it")
    return np.bincount(resize_label(label, found.size or size).ravel(), minlength=256)


def check_length(name: str, of: str | Path) -> None:
    """Raises BadInput where a file for what is called `of` cannot have that `name`."""
    if len(os.fsencode(name)) > _LONGEST:
        raise BadInput(f"{of}: with its folders too long to name a file; shorten it")


def _check_name(root: Path, name: str) -> None:
    if _UNPRINTABLE.search(name):
        raise BadInput(f"{name!r}: its name holds a control character or is no UTF-8; rename it")
    check_length(file_name(name), name)
    if (root / name).exists() and not (root / name).is_file():
        raise BadInput(f"{name}: is no file; remove or rename it")
