"""Adapt a model to the target before any pseudo-label, by an objective of one's choice."""

from __future__ import annotations

from typing import Any

from lightning_fabric import Fabric
from pydantic import Field

from pipeline import artifacts, batches, model, process, progress, training
from pipeline.compute import launch
from pipeline.params import Seed, load, root
from pipeline.pseudo import PseudoLabelled


class Params(training.Training):
    """`warmup.<name>` over `training`, with `compute` and `seed`."""

    seed: Seed
    steps: int = Field(ge=1)
    start: str = Field(alias="from")
    objective: str
    options: dict[str, Any] = Field(default_factory=dict)
    source_share: float = Field(0.5, ge=0, le=1)


def run(
    params: Params,
    start: model.Model,
    source: batches.Source,
    target: batches.Source,
    fabric: Fabric,
    log: progress.Log,
) -> model.Model:
    """`start`, trained on; the target's labels are all IGNORE."""
    classes = len(start.recipe.taxonomy)
    objective = training.objective(params.objective, params.options, params.seed, classes=classes)
    sides = batches.shares(source, target, params.batch, params.source_share)
    training.fit(start, objective, sides, params, params.steps, params.seed, fabric, log)
    return start


def main() -> None:
    """Open, run, write."""
    at = process.paths("start", "source", "target", "model", "curve", item=True)
    params = load(Params, "training", f"warmup.{at.item}")
    start = model.of_task(at.start)
    source = artifacts.read_domain(at.source, root("source"), params.compute.memory)
    images = artifacts.read_domain(at.target, root("target"), params.compute.memory)
    target = PseudoLabelled(images, None, len(start.recipe.taxonomy))
    fabric = launch(params.compute)
    first = fabric.is_global_zero
    with progress.curve(at.curve, at.item, params.steps, params.log_every, first) as log:
        trained = run(params, start, source, target, fabric, log)
    if first:
        model.save(at.model, trained)


if __name__ == "__main__":
    process.stage(main)
