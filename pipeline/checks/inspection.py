"""Check pairs of image and label by decoding them, and sort the good from the refused."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.checks.census import Counts
from pipeline.domain.pixels import Coding, read_image, read_label, resize_label
from pipeline.domain.samples import Domain, Pair, Sample, file_name
from pipeline.domain.taxonomy import IGNORE, Taxonomy
from pipeline.runtime.files import BadInput, digest
from pipeline.runtime.progress import track

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


@dataclass(frozen=True)
class Inspected:
    """The good samples by domain; why others are refused: domain, image, problem.

    `pixels` int64 (256) by domain: of each train id in the labels of its good samples.
    """

    good: dict[str, list[Sample]]
    refused: pd.DataFrame
    pixels: dict[str, Counts]


def candidates(
    domain: str, root: Path, dataset: Any, taxonomy: Taxonomy, size: tuple[int, int] | None = None
) -> Candidates:
    """What a reader finds. Raises BadInput as the reader does."""
    pairs = dataset.pairs()
    strays = dataset.strays() if hasattr(dataset, "strays") else {}
    coding = Coding(taxonomy.ids(dataset.values), dataset.encoding)
    return Candidates(domain, root, pairs, coding, strays, size)


def inspect(found: Sequence[Candidates], kept: Mapping[str, Domain] | None = None) -> Inspected:
    """What is good, what is refused, and what the good labels hold.

    An image that repeats an earlier one, in its own domain or before it in `found`, is refused, and
    so is one of the domains that are `kept` already, by name.
    The target's samples have no labels; those with a good one are in "target_truth" too, and a
    bad one is refused from there alone. A label of no image has a row in the place of its image.
    """
    before = {
        sample.image_hash: f"{name}'s {sample.image}"
        for name, domain in (kept or {}).items()
        for sample in domain.samples
    }
    inspected = _judge(_check_all(found), [one.domain for one in found], before)
    rows = [*inspected.refused.to_numpy().tolist(), *_stray(found)]
    return replace(inspected, refused=pd.DataFrame(rows, columns=inspected.refused.columns))


def truth_of(domain: str) -> str:
    """Where the labels of a domain count: those of the target are a domain of their own."""
    return "target_truth" if domain == "target" else domain


def _stray(found: Sequence[Candidates]) -> Iterator[list[str | None]]:
    for domain in found:
        for label, image in domain.strays.items():
            problem = f"{label}: is the label of no image; add {image} or remove it"
            yield [_shown(text) for text in (truth_of(domain.domain), label, problem)]


@dataclass(frozen=True)
class _Checked:
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


def _check_all(found: Sequence[Candidates]) -> Iterator[_Checked]:
    """In order of the domains and their pairs, whichever thread is first."""
    jobs = [(domain, pair) for domain in found for pair in domain.pairs]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        results = threads.map(lambda job: _check(*job), jobs)
        yield from track(results, "check", len(jobs))


def _check(found: Candidates, pair: Pair) -> _Checked:
    root, sample = found.root, None
    try:
        _check_name(root, pair.image)
        height, width = read_image(root / pair.image).shape[:2]
        sample = Sample(found.domain, pair.image, digest(root / pair.image), height, width)
        if pair.label is None:
            wanted = pair.wanted or "it"
            raise BadInput(f"{pair.image}: has no label; add {wanted} or remove the image")
        pixels = _check_label(found, pair.label, (width, height))
    except BadInput as error:  # without the root: a report does not depend on the machine
        return _Checked(found.domain, pair, sample, str(error).replace(f"{root}/", ""))
    labelled = replace(sample, label=pair.label, label_hash=digest(root / pair.label))
    return _Checked(found.domain, pair, labelled, None, pixels)


def _check_label(found: Candidates, name: str, size: tuple[int, int]) -> Counts:
    """How many pixels each train id has, at the working size."""
    _check_name(found.root, name)
    label = read_label(found.root / name, found.coding)
    if (own := label.shape[::-1]) != size:
        both = "{}x{}, its image {}x{}".format(*own, *size)
        raise BadInput(f"{name}: is {both}; replace one of them")
    if found.domain != "target" and (label == IGNORE).all():
        raise BadInput(f"{name}: no pixel has a class, all are ignored; label some or remove it")
    return np.bincount(resize_label(label, found.size or size).ravel(), minlength=256)


def _check_name(root: Path, name: str) -> None:
    if _UNPRINTABLE.search(name):
        raise BadInput(f"{name!r}: its name holds a control character or is no UTF-8; rename it")
    if len(file_name(name).encode()) > _LONGEST:
        raise BadInput(f"{name}: with its folders too long to name a file; shorten it")
    if (root / name).exists() and not (root / name).is_file():
        raise BadInput(f"{name}: is no file; remove or rename it")


def _judge(results: Iterable[_Checked], names: Sequence[str], kept: dict[str, str]) -> Inspected:
    """The good samples of each domain and of the target's truth, and the report of the others.

    `kept`: what an image may not repeat, by hash or name; it grows by each that is good.
    """
    good: dict[str, list[Sample]] = {key: [] for name in names for key in (name, truth_of(name))}
    pixels = {domain: np.zeros(256, np.int64) for domain in good}
    refused: list[tuple[str, str, str | None]] = []
    for checked in results:
        sample, image = checked.sample, checked.pair.image
        problem = checked.refusal or _twin(checked, kept)
        if problem or sample is None:
            refused.append((checked.domain, image, problem))
        elif checked.domain != "target":
            good[checked.domain].append(sample)
            pixels[checked.domain] += 0 if checked.pixels is None else checked.pixels
        else:
            good["target"].append(replace(sample, label=None, label_hash=None))
            if sample.label:
                good["target_truth"].append(sample)
            elif checked.pair.label:
                refused.append(("target_truth", image, checked.problem))
    rows = [[_shown(text) for text in row] for row in refused]
    return Inspected(good, pd.DataFrame(rows, columns=["domain", "image", "problem"]), pixels)


def _shown(text: str | None) -> str | None:
    """As UTF-8 that can be written: a byte that is none as `\\udcff`."""
    return None if text is None else text.encode(errors="backslashreplace").decode()


def _twin(checked: _Checked, kept: dict[str, str]) -> str | None:
    """Which image already `kept` it would repeat; otherwise it is kept from now on."""
    if checked.sample is None:
        return None
    own = {
        checked.sample.image_hash: "repeats the bytes of",  # would leak or count twice
        f"{checked.domain}/{checked.sample.name}": "is named, but for '/' and suffix, like",
    }
    for key, relation in own.items():
        if key in kept:
            return f"{checked.pair.image}: {relation} {kept[key]}; remove or rename one of them"
    kept |= dict.fromkeys(own, f"{checked.domain}'s {checked.pair.image}")
    return None
