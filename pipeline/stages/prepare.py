"""Check every image and label of target and val by decoding it, and index the good ones."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from pipeline.checks import census, domains
from pipeline.checks.candidates import Candidates
from pipeline.checks.inspection import inspect, truth_of
from pipeline.domain import artifacts
from pipeline.domain.pixels import Coding
from pipeline.domain.samples import Domain
from pipeline.domain.taxonomy import Taxonomy, resolve
from pipeline.evaluation import few
from pipeline.runtime import process
from pipeline.runtime.names import DOMAINS
from pipeline.runtime.params import load
from pipeline.sections.evaluate import Params as Evaluate
from pipeline.sections.prepare import NONE, Params


@dataclass(frozen=True)
class Prepared:
    """The domains of good pairs. `target` has no labels; `target_truth`, perhaps empty, has.

    `refused` has a row for each refused image and each label of no image: domain, image, problem;
    `strays` says how many of a domain's rows are such labels.
    """

    taxonomy: Taxonomy
    target: Domain
    val: Domain
    target_truth: Domain
    refused: pd.DataFrame
    strays: Mapping[str, int]
    classes: pd.DataFrame  # one row a class: its pixels in val; no row without one
    held_out: bool  # whether val's images are a source's

    def warnings(self) -> list[str]:
        """What is legal, and may be a mistake."""
        shapes = [told for name in DOMAINS for told in census.squeezed(name, getattr(self, name))]
        own = [census.HELD_OUT] if self.held_out else []
        return [*own, *census.lacking("val", self.classes, census.UNMEASURED), *shapes]


def run(params: Params) -> Prepared:
    """Read and check what `params` names; write nothing.

    Raises BadInput for a domain that cannot be read, TooFewError (with the report) for one that
    keeps fewer than `minimum` images, and for a target of whose labels none is good. A val that
    is held out or nothing may be as small as it is.
    """
    taxonomy = resolve(params.classes)
    target, val = domains.find("prepare.target", params.target, taxonomy), _val(params, taxonomy)
    inspected = inspect([target, val], where=params.compute.cluster)
    good, refused = inspected.good, inspected.refused
    domains.check_enough("prepare.target", target, inspected, params.minimum)
    if params.val.reader != NONE:
        least = params.minimum if params.val.held_out is None else 1
        domains.check_enough("prepare.val", val, inspected, least)
    if not good["target_truth"] and any(pair.label for pair in target.pairs):
        raise domains.TooFewError(_no_truth(target, refused), refused)
    return Prepared(
        taxonomy,
        domains.domain(params.target, target, good["target"]),
        domains.domain(params.val, val, good["val"]),
        domains.domain(params.target, target, good["target_truth"]),
        refused,
        {truth_of(one.domain): len(one.strays) for one in (target, val)},
        census.table(inspected.pixels["val"], taxonomy)[: len(taxonomy) * bool(good["val"])],
        params.val.held_out is not None,
    )


def _val(params: Params, taxonomy: Taxonomy) -> Candidates:
    """All that its reader finds; of what is held out, the part; or nothing."""
    if params.val.reader == NONE:
        return Candidates("val", params.val.root, [], Coding({}))
    found = domains.find("prepare.val", params.val, taxonomy)
    if params.val.held_out is None:
        return found
    # what has no image is the source's to tell
    return replace(found, pairs=domains.held_out(found.pairs, params.val.held_out), strays={})


def _no_truth(target: Candidates, refused: pd.DataFrame) -> str:
    return (
        f"prepare.target: none of the labels in {target.root} is good; mend or remove them (a "
        "target needs none), and see that they are no images"
        f"{domains.first_problems(refused, 'target_truth')}"
    )


def main() -> None:
    """Write the domains, the classes and the report; the report even where the stage fails."""
    at = process.paths("target", "target_truth", "val", "taxonomy", "classes", "refused")
    params, asked = load(Params, "prepare"), load(Evaluate, "evaluate").few
    try:
        prepared = run(params)
    except domains.TooFewError as error:
        artifacts.write_table(at.refused, error.refused)
        raise
    artifacts.write_table(at.refused, prepared.refused)
    few.check(asked, prepared.target_truth, prepared.val)  # before any model is trained
    artifacts.write_taxonomy(at.taxonomy, prepared.taxonomy)
    artifacts.write_table(at.classes, prepared.classes)
    for name in (*DOMAINS, "target_truth"):
        domain: Domain = getattr(prepared, name)
        artifacts.write_domain(getattr(at, name), domain, labelled=name != "target")
        if name == "val" and params.val.reader == NONE:
            print("val: none, so models are told apart by signals that need no label")
            continue
        strays = prepared.strays.get(name, 0)
        print(domains.told(name, domain, prepared.refused, strays, at.refused))
    for warning in prepared.warnings():
        print(f"warning: prepare.{warning}", file=sys.stderr)


if __name__ == "__main__":
    process.stage(main)
