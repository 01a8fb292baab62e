"""Train on the source and on the target's pseudo-labels."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Literal

from lightning_fabric import Fabric
from pydantic import Field

from pipeline import artifacts, model, parts, process, progress, training
from pipeline.compute import launch
from pipeline.params import derived_seed, load, root
from pipeline.samples import BadInput, Domain


class Params(training.Training):
    """`rounds.<round>.retrain` over `retrain` over `training`, with `compute` and `seed`."""

    seed: int
    steps: int = Field(ge=1)
    objective: str
    options: dict[str, Any] = Field(default_factory=dict)
    source_share: float = Field(0.5, ge=0, le=1)  # of each batch
    use: Literal["all", "easy"] = "all"


def run(
    params: Params,
    start: model.Model,
    source: training.Source,
    target: training.Source,
    fabric: Fabric,
    log: progress.Log,
) -> model.Model:
    """`start`, trained on; `target` carries pseudo-labels."""
    classes = len(start.recipe.taxonomy)
    objective = parts.build("objectives", params.objective, params.options, classes=classes)
    sides = training.shares(source, target, params.batch, params.source_share)
    training.fit(start, objective, sides, params, params.steps, params.seed, fabric, log)
    return start


def chosen(target: Domain, names: Collection[str]) -> Domain:
    """The target's samples whose images are in `names`. Raises BadInput where there are none."""
    samples = [sample for sample in target.samples if sample.image in names]
    if not samples:
        raise BadInput("split: no image is easy; raise split.easy or set retrain.use to all")
    return replace(target, samples=samples)


def main() -> None:
    """Open, run, write."""
    names = ("start", "source", "target", "labels", "split", "model", "curve")
    at = process.paths(*names, item=True)
    params = load(Params, "training", "retrain", f"rounds.{at.item}.retrain")
    params = params.model_copy(update={"seed": derived_seed(params.seed, at.item)})
    start = model.load(at.start)
    source = artifacts.read_domain(at.source, root("source"), params.compute.memory)
    images = artifacts.read_domain(at.target, root("target"), params.compute.memory)
    if params.use == "easy":
        split = artifacts.read_table(at.split)
        images = chosen(images, set(split["image"][split["subset"] == "easy"]))
    target = artifacts.PseudoLabelled(images, at.labels, len(start.recipe.taxonomy))
    fabric = launch(params.compute)
    first = fabric.is_global_zero
    with progress.curve(at.curve, at.item, params.steps, params.log_every, first) as log:
        trained = run(params, start, source, target, fabric, log)
    if first:
        model.save(at.model, trained)


if __name__ == "__main__":
    process.stage(main)
