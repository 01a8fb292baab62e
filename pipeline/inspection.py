"""Check pairs of image and label by decoding them, and sort the good from the refused."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from pipeline.progress import track
from pipeline.samples import BadInput, Coding, Pair, Sample, read_image, read_label


@dataclass(frozen=True)
class Candidates:
    """The pairs of a domain (source, target or val) before they are checked."""

    domain: str
    root: Path
    pairs: Sequence[Pair]
    coding: Coding


def inspect(found: Sequence[Candidates]) -> tuple[dict[str, list[Sample]], pd.DataFrame]:
    """The good samples by domain, and why others are refused: domain, image, problem.

    An image that repeats an earlier one, in its own domain or before it in `found`, is refused.
    The target's samples have no labels; those with a good one are in "target_truth" too, and a
    bad one is refused from there alone.
    """
    return _judge(_check_all(found))


@dataclass(frozen=True)
class _Checked:
    """An image by itself: no sample if it is bad, no label in the sample if that is bad."""

    domain: str
    pair: Pair
    sample: Sample | None
    problem: str | None

    @property
    def refusal(self) -> str | None:
        """Why its domain cannot have it; a target image needs no label."""
        return None if self.domain == "target" and self.sample else self.problem


def _check_all(found: Sequence[Candidates]) -> Iterator[_Checked]:
    """In order of the domains and their pairs, whichever thread is first."""
    jobs = [(domain, pair) for domain in found for pair in domain.pairs]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        results = threads.map(lambda job: _check(*job), jobs)
        yield from track(results, "prepare", len(jobs))


def _check(found: Candidates, pair: Pair) -> _Checked:
    root, sample = found.root, None
    try:
        height, width = read_image(root / pair.image).shape[:2]
        sample = Sample(found.domain, pair.image, _hash(root / pair.image), height, width)
        if pair.label is None:
            raise BadInput(f"{pair.image}: has no label; add it or remove the image")
        label = read_label(root / pair.label, found.coding)
        if label.shape != (height, width):
            raise BadInput(
                f"{pair.label}: is {label.shape[1]}x{label.shape[0]}, its image "
                f"{width}x{height}; replace one of them"
            )
    except BadInput as error:  # without the root: a report does not depend on the machine
        return _Checked(found.domain, pair, sample, str(error).replace(f"{root}/", ""))
    labelled = replace(sample, label=pair.label, label_hash=_hash(root / pair.label))
    return _Checked(found.domain, pair, labelled, None)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _judge(results: Iterable[_Checked]) -> tuple[dict[str, list[Sample]], pd.DataFrame]:
    """The good samples of each domain and of the target's truth, and the report of the others."""
    good: dict[str, list[Sample]] = {"source": [], "target": [], "val": [], "target_truth": []}
    refused: list[tuple[str, str, str | None]] = []
    kept: dict[str, str] = {}
    for checked in results:
        sample, image = checked.sample, checked.pair.image
        problem = checked.refusal or _twin(checked, kept)
        if problem or sample is None:
            refused.append((checked.domain, image, problem))
        elif checked.domain != "target":
            good[checked.domain].append(sample)
        else:
            good["target"].append(replace(sample, label=None, label_hash=None))
            if sample.label:
                good["target_truth"].append(sample)
            elif checked.pair.label:
                refused.append(("target_truth", image, checked.problem))
    return good, pd.DataFrame(refused, columns=["domain", "image", "problem"])


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
