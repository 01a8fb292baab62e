"""What a domain's reader finds, and whether enough of it is good."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from pipeline.checks.candidates import Candidates, candidates
from pipeline.checks.inspection import Inspected
from pipeline.domain.samples import Domain, Pair, Sample
from pipeline.domain.taxonomy import Taxonomy
from pipeline.runtime import parts
from pipeline.runtime.files import BadInput


class Spec(Protocol):
    """A domain as params.yaml describes it."""

    reader: str
    root: Path
    width: int
    height: int
    options: dict[str, Any]
    limit: int | None
    rename: dict[str, str | None]


class TooFewError(BadInput):
    """A domain keeps too few images; `refused` is the report so far."""

    def __init__(self, message: str, refused: pd.DataFrame) -> None:
        super().__init__(message)
        self.refused = refused


def find(section: str, spec: Spec, taxonomy: Taxonomy) -> Candidates:
    """What the reader of `section` (prepare.val, source.<name>) finds; its last word names it.

    Raises BadInput that names the section where nothing can be read, and where the reader labels
    none of the classes.
    """
    size = (spec.width, spec.height)
    try:
        dataset = parts.build(
            "datasets", spec.reader, spec.options, root=spec.root, classes=taxonomy
        )
        values = renamed(dataset.values, spec.rename, taxonomy)
        name = section.rpartition(".")[2]
        found = candidates(name, spec.root, dataset, taxonomy.ids(values), size)
    except BadInput as error:
        raise BadInput(f"{section}: {error}") from error
    if not {*values.values()} & {*taxonomy.names}:
        raise BadInput(
            f"{section}.reader = {spec.reader!r}: labels none of the classes "
            f"{', '.join(taxonomy.names)}; change prepare.classes or the reader, or rename its "
            "classes"
        )
    return replace(found, pairs=drawn(found.pairs, spec.limit))


def renamed(
    values: Mapping[int, str | None], rename: Mapping[str, str | None], taxonomy: Taxonomy
) -> dict[int, str | None]:
    """Raw value -> class of the task, or None. Raises BadInput for names that nobody has."""
    own = [*dict.fromkeys(name for name in values.values() if name is not None)]
    for name, new in rename.items():
        if name not in own:
            raise BadInput(
                f"rename: {name!r} is none of the reader's classes; choose {', '.join(own)}"
            )
        if new not in (None, *taxonomy.names):
            raise BadInput(
                f"rename.{name}: {new!r} is none of the classes; choose "
                f"{', '.join(taxonomy.names)}, or null to ignore it"
            )
    return {raw: rename.get(name, name) if name else None for raw, name in values.items()}


def drawn(pairs: Sequence[Pair], limit: int | None) -> Sequence[Pair]:
    """`limit` of them, in their order: those whose paths have the lowest SHA-256.

    That depends on the names alone, and what a lower limit draws a higher one draws too.
    """

    def key(pair: Pair) -> bytes:
        return hashlib.sha256(pair.image.encode(errors="surrogateescape")).digest()

    chosen = {pair.image for pair in sorted(pairs, key=key)[:limit]}
    return [pair for pair in pairs if pair.image in chosen]


def held_out(pairs: Sequence[Pair], share: float) -> Sequence[Pair]:
    """`share` of those with a label, one at least and never all, in their order.

    By name alone, as `drawn`, and independently of it: a source that is limited loses as large a
    share of its images.
    """
    labelled = sorted((pair for pair in pairs if pair.label), key=_place)
    count = min(max(1, round(share * len(labelled))), len(labelled) - 1)
    chosen = {pair.image for pair in labelled[: max(0, count)]}
    return [pair for pair in pairs if pair.image in chosen]


def _place(pair: Pair) -> bytes:
    name = pair.image.encode(errors="surrogateescape")
    return hashlib.sha256(b"held out " + name).digest()


def without(found: Candidates, val: Domain | None) -> Candidates:
    """Less the images that are val's, where that lies in the same folder.

    All of them stay where none would be left: each is then refused, in words.
    """
    if val is None or val.root.resolve() != found.root.resolve():
        return found
    theirs = {sample.image for sample in val.samples}
    left = [pair for pair in found.pairs if pair.image not in theirs]
    return replace(found, pairs=left) if left else found


def domain(spec: Spec, found: Candidates, samples: Sequence[Sample]) -> Domain:
    """The good ones of it."""
    return Domain(samples, spec.root, (spec.width, spec.height), found.coding)


def check_enough(section: str, found: Candidates, inspected: Inspected, minimum: int) -> None:
    """Raises TooFewError, with the report, for fewer good images than `minimum`."""
    good, refused = len(inspected.good[found.domain]), inspected.refused
    if good >= minimum:
        return
    strays = [*found.strays]
    beside = f"; {len(strays)} labels are of no image, such as {strays[0]}" if strays else ""
    raise TooFewError(
        f"{section}: {good} of {len(found.pairs)} images in {found.root} are good, at least "
        f"{minimum} must be{beside}{first_problems(refused, found.domain)}",
        refused,
    )


def first_problems(refused: pd.DataFrame, name: str) -> str:
    """Of a domain, three at most, to end a sentence with."""
    problems = refused.loc[refused["domain"] == name, "problem"].head(3)
    first = "".join(f"\n  {problem}" for problem in problems)
    return f"; the first problems:{first}" if first else ""


def told(name: str, of: Domain, refused: pd.DataFrame, strays: int, report: Path) -> str:
    """How many images of a domain are good, in a line to print; the `report` has the others."""
    bad = (refused["domain"] == name).sum() - strays
    more = f"; labels of no image: {strays}, see {report}" if strays else ""
    return f"{name}: {len(of)} good, {bad} refused{more}"
