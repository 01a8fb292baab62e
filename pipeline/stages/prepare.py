"""Check every image and label of the three domains by decoding it, and index the good ones."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from pipeline.checks import census
from pipeline.checks.inspection import Candidates, candidates, inspect, truth_of
from pipeline.domain import artifacts
from pipeline.domain.samples import Domain, Sample
from pipeline.domain.taxonomy import Taxonomy, resolve
from pipeline.runtime import parts, process
from pipeline.runtime.files import BadInput
from pipeline.runtime.params import load
from pipeline.sections.prepare import DOMAINS, DomainParams, Params


@dataclass(frozen=True)
class Prepared:
    """The domains of good pairs. `target` has no labels; `target_truth`, perhaps empty, has.

    `refused` has a row for each refused image and each label of no image: domain, image, problem;
    `strays` says how many of a domain's rows are such labels.
    """

    taxonomy: Taxonomy
    source: Domain
    target: Domain
    val: Domain
    target_truth: Domain
    refused: pd.DataFrame
    strays: Mapping[str, int]
    classes: pd.DataFrame  # one row a class: its pixels in source and val

    def warnings(self) -> list[str]:
        """What is legal, and may be a mistake."""
        domains = {name: getattr(self, name) for name in DOMAINS}
        shapes = (told for name, of in domains.items() for told in census.squeezed(name, of))
        return [*census.lacking(self.classes), *shapes]


class TooFewError(BadInput):
    """A domain keeps too few images; `refused` is the report so far."""

    def __init__(self, message: str, refused: pd.DataFrame) -> None:
        super().__init__(message)
        self.refused = refused


def run(params: Params) -> Prepared:
    """Read and check what `params` names; write nothing.

    Raises BadInput for a domain that cannot be read, TooFewError (with the report) for one that
    keeps fewer than `minimum` images, and for a target of whose labels none is good.
    """
    taxonomy = resolve(params.classes)
    found = [_find(name, getattr(params, name), taxonomy) for name in DOMAINS]
    inspected = inspect(found)
    good, refused = inspected.good, inspected.refused
    for one in found:
        if len(good[one.domain]) < params.minimum:
            message = _too_few(one, len(good[one.domain]), params.minimum, refused)
            raise TooFewError(message, refused)
    source, target, val = found
    if not good["target_truth"] and any(pair.label for pair in target.pairs):
        raise TooFewError(_no_truth(target, refused), refused)
    return Prepared(
        taxonomy,
        _domain(params.source, source, good["source"]),
        _domain(params.target, target, good["target"]),
        _domain(params.val, val, good["val"]),
        _domain(params.target, target, good["target_truth"]),
        refused,
        {truth_of(one.domain): len(one.strays) for one in found},
        census.table({name: inspected.pixels[name] for name in ("source", "val")}, taxonomy),
    )


def _find(name: str, spec: DomainParams, taxonomy: Taxonomy) -> Candidates:
    try:
        dataset = parts.build(
            "datasets", spec.reader, spec.options, root=spec.root, classes=taxonomy
        )
        found = candidates(name, spec.root, dataset, taxonomy, (spec.width, spec.height))
        values = dataset.values.values()
    except BadInput as error:
        raise BadInput(f"prepare.{name}: {error}") from error
    if not set(values) & set(taxonomy.names):
        raise BadInput(
            f"prepare.{name}.reader = {spec.reader!r}: labels none of the classes "
            f"{', '.join(taxonomy.names)}; change prepare.classes or the reader"
        )
    return found


def _domain(spec: DomainParams, found: Candidates, samples: Sequence[Sample]) -> Domain:
    return Domain(samples, spec.root, (spec.width, spec.height), found.coding)


def _too_few(found: Candidates, good: int, minimum: int, refused: pd.DataFrame) -> str:
    strays = [*found.strays]
    beside = f"; {len(strays)} labels are of no image, such as {strays[0]}" if strays else ""
    return (
        f"prepare.{found.domain}: {good} of {len(found.pairs)} images in {found.root} are good, "
        f"at least {minimum} must be{beside}{_first(refused, found.domain)}"
    )


def _no_truth(target: Candidates, refused: pd.DataFrame) -> str:
    return (
        f"prepare.target: none of the labels in {target.root} is good; mend or remove them (a "
        f"target needs none), and see that they are no images{_first(refused, 'target_truth')}"
    )


def _first(refused: pd.DataFrame, domain: str) -> str:
    problems = refused.loc[refused["domain"] == domain, "problem"].head(3)
    first = "".join(f"\n  {problem}" for problem in problems)
    return f"; the first problems:{first}" if first else ""


def main() -> None:
    """Write the domains, the classes and the report; the report even where the stage fails."""
    at = process.paths("source", "target", "target_truth", "val", "taxonomy", "classes", "refused")
    params = load(Params, "prepare")
    try:
        prepared = run(params)
    except TooFewError as error:
        artifacts.write_table(at.refused, error.refused)
        raise
    artifacts.write_table(at.refused, prepared.refused)
    artifacts.write_taxonomy(at.taxonomy, prepared.taxonomy)
    artifacts.write_table(at.classes, prepared.classes)
    for name in (*DOMAINS, "target_truth"):
        domain: Domain = getattr(prepared, name)
        artifacts.write_domain(getattr(at, name), domain, labelled=name != "target")
        strays = prepared.strays.get(name, 0)
        bad = (prepared.refused["domain"] == name).sum() - strays
        more = f"; labels of no image: {strays}, see {at.refused}" if strays else ""
        print(f"{name}: {len(domain)} good, {bad} refused{more}")
    for warning in prepared.warnings():
        print(f"warning: prepare.{warning}", file=sys.stderr)


if __name__ == "__main__":
    process.stage(main)
