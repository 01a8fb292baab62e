"""Train a model on the source alone."""

from __future__ import annotations

from collections.abc import Sequence

from lightning_fabric import Fabric

from pipeline.domain import artifacts
from pipeline.domain.samples import Domain
from pipeline.domain.taxonomy import Taxonomy
from pipeline.model import model
from pipeline.model.recipe import Recipe
from pipeline.runtime import process, progress
from pipeline.runtime.launch import launch
from pipeline.runtime.params import load, root
from pipeline.sections.pretrain import Params
from pipeline.training import loop
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.objective import build_objective


def run(
    params: Params,
    sources: Sequence[Domain],
    taxonomy: Taxonomy,
    fabric: Fabric,
    log: progress.Log,
    checkpoint: Checkpoint | None = None,
) -> model.Model:
    """A new model after `params.steps` steps of source_only; `sources` take turns."""
    network = params.network
    recipe = Recipe(network.name, taxonomy, network.options, network.normalisation)
    trained = model.create(recipe, params.seed, network.weights)
    objective = build_objective("source_only", {}, params.seed)
    sides = ((sources, params.batch), None)
    seed = params.seed
    loop.fit(trained, objective, sides, params, params.steps, seed, fabric, log, (), checkpoint)
    return trained


def main() -> None:
    """Open, run, write."""
    at = process.paths("source", "taxonomy", "model", "curve", "unfinished", item=True)
    params = load(Params, "training", f"pretrain.{at.item}")
    sources = [*artifacts.read_sources(at.source, root, params.compute.memory).values()]
    fabric = launch(params.compute)
    first = fabric.is_global_zero
    inputs = [at.source, at.taxonomy, *params.network.files]
    kept = loop.unfinished(at.unfinished, inputs, params)
    with progress.curve(at.curve, at.item, params.steps, params.log_every, first) as log:
        trained = run(params, sources, artifacts.read_taxonomy(at.taxonomy), fabric, log, kept)
    if first:
        model.save(at.model, trained, sources[0].size)
        kept.remove()


if __name__ == "__main__":
    process.stage(main)
