"""Train a model on the source alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning_fabric import Fabric
from pydantic import Field

from pipeline import artifacts, model, process, progress, training
from pipeline.checkpoint import Checkpoint
from pipeline.compute import launch
from pipeline.params import Section, Seed, load, root
from pipeline.samples import Domain
from pipeline.taxonomy import Taxonomy


class Network(Section):
    """Section `network`: which, its options, and a file of weights to start from."""

    name: str
    options: dict[str, Any] = Field(default_factory=dict)
    weights: Path | None = None
    normalisation: model.Normalisation = model.Normalisation()


class Params(training.Training):
    """`pretrain.<name>` over `training`, with `network`, `compute` and `seed`."""

    seed: Seed
    steps: int = Field(ge=0)  # 0: the initial weights, for rounds that start afresh
    network: Network


def run(
    params: Params,
    source: Domain,
    taxonomy: Taxonomy,
    fabric: Fabric,
    log: progress.Log,
    checkpoint: Checkpoint | None = None,
) -> model.Model:
    """A new model after `params.steps` steps of source_only."""
    network = params.network
    recipe = model.Recipe(network.name, taxonomy, network.options, network.normalisation)
    trained = model.create(recipe, params.seed, network.weights)
    objective = training.objective("source_only", {}, params.seed)
    sides = ((source, params.batch), None)
    seed = params.seed
    training.fit(trained, objective, sides, params, params.steps, seed, fabric, log, (), checkpoint)
    return trained


def main() -> None:
    """Open, run, write."""
    at = process.paths("source", "taxonomy", "model", "curve", "unfinished", item=True)
    params = load(Params, "training", f"pretrain.{at.item}")
    source = artifacts.read_domain(at.source, root("source"), params.compute.memory)
    fabric = launch(params.compute)
    first = fabric.is_global_zero
    weights = [params.network.weights] if params.network.weights else []
    kept = training.unfinished(at.unfinished, [at.source, at.taxonomy, *weights], params)
    with progress.curve(at.curve, at.item, params.steps, params.log_every, first) as log:
        trained = run(params, source, artifacts.read_taxonomy(at.taxonomy), fabric, log, kept)
    if first:
        model.save(at.model, trained)
        kept.remove()


if __name__ == "__main__":
    process.stage(main)
