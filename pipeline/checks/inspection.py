"""Check pairs of image and label by decoding them, and sort the good from the refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from pipeline.checks import census
from pipeline.checks.candidates import Candidates, Checked, check
from pipeline.checks.census import Counts
from pipeline.domain.samples import Domain, Pair, Sample
from pipeline.runtime import work
from pipeline.runtime.progress import track


@dataclass(frozen=True)
class Inspected:
    """The good samples by domain; why others are refused: domain, image, problem.

    `pixels` int64 (256) by domain: of each train id in the labels of its good samples.
    """

    good: dict[str, list[Sample]]
    refused: pd.DataFrame
    pixels: dict[str, Counts]


def inspect(
    found: Sequence[Candidates],
    kept: Mapping[str, Domain] | None = None,
    where: str | None = None,
) -> Inspected:
    """What is good, what is refused, and what the good labels hold; checked `where` is said.

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
    inspected = _judge(_check_all(found, where), [one.domain for one in found], before)
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


def _check_all(found: Sequence[Candidates], where: str | None) -> Iterator[Checked]:
    """In order of the domains and their pairs, whichever is checked first."""
    bare = [replace(domain, pairs=(), strays={}) for domain in found]
    jobs = [(place, pair) for place, domain in enumerate(found) for pair in domain.pairs]
    yield from track(work.each(partial(_check, bare), jobs, where), "check", len(jobs))


def _check(found: Sequence[Candidates], job: tuple[int, Pair]) -> Checked:
    return check(found[job[0]], job[1])


def _judge(results: Iterable[Checked], names: Sequence[str], kept: dict[str, str]) -> Inspected:
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
            counts = np.zeros(256, np.int64) if checked.pixels is None else checked.pixels
            good[checked.domain].append(replace(sample, pixels=census.of_sample(counts)))
            pixels[checked.domain] += counts
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


def _twin(checked: Checked, kept: dict[str, str]) -> str | None:
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
