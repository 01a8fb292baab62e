"""Check every image and label of a source by decoding it, and index the good ones."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from pipeline.checks import census, domains
from pipeline.checks.inspection import inspect
from pipeline.domain import artifacts
from pipeline.domain.samples import Domain
from pipeline.domain.taxonomy import Taxonomy
from pipeline.runtime import process
from pipeline.runtime.names import DOMAINS
from pipeline.runtime.params import load, root
from pipeline.sections.source import Params


@dataclass(frozen=True)
class Checked:
    """The good pairs of a source.

    `refused` has a row for each refused image and each label of no image: domain, image, problem;
    `strays` says how many are such labels.
    """

    source: Domain
    refused: pd.DataFrame
    strays: int
    classes: pd.DataFrame  # one row a class: its pixels
    held_out: int  # how many of its images are val's

    def warnings(self, name: str) -> list[str]:
        """What is legal, and may be a mistake."""
        lacking = census.lacking(name, self.classes, census.UNLEARNED)
        return [*lacking, *census.squeezed(name, self.source)]


def run(
    params: Params, name: str, taxonomy: Taxonomy, kept: Mapping[str, Domain] | None = None
) -> Checked:
    """Read and check what `params` names; write nothing.

    An image that one of the domains `kept`, by name, has too is refused: training would see what
    is measured. Raises BadInput for a source that cannot be read, and TooFewError (with the report)
    for one that keeps fewer than `minimum` images.
    """
    section = f"source.{name}"
    everything = domains.find(section, params, taxonomy)
    found = domains.without(everything, (kept or {}).get("val"))
    inspected = inspect([found], kept, params.compute.cluster)
    domains.check_enough(section, found, inspected, params.minimum)
    return Checked(
        domains.domain(params, found, inspected.good[name]),
        inspected.refused,
        len(found.strays),
        census.table(inspected.pixels[name], taxonomy),
        len(everything.pairs) - len(found.pairs),
    )


def main() -> None:
    """Write the index, the classes and the report; the report even where the stage fails."""
    at = process.paths(*DOMAINS, "taxonomy", "index", "classes", "refused", item=True)
    params = load(Params, f"source.{at.item}")
    taxonomy = artifacts.read_taxonomy(at.taxonomy)
    kept = {n: artifacts.read_domain(getattr(at, n), root(n), empty=n == "val") for n in DOMAINS}
    try:
        checked = run(params, at.item, taxonomy, kept)
    except domains.TooFewError as error:
        artifacts.write_table(at.refused, error.refused)
        raise
    artifacts.write_table(at.refused, checked.refused)
    artifacts.write_table(at.classes, checked.classes)
    artifacts.write_sources(at.index, {at.item: checked.source})
    told = domains.told(at.item, checked.source, checked.refused, checked.strays, at.refused)
    print(f"{told}; held out for val: {checked.held_out}" if checked.held_out else told)
    for warning in checked.warnings(at.item):
        print(f"warning: source.{warning}", file=sys.stderr)


if __name__ == "__main__":
    process.stage(main)
