"""Adapt a model to the target before any pseudo-label, by an objective of one's choice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor

from pipeline.domain import artifacts, batches
from pipeline.inference.pseudo import PseudoLabelled
from pipeline.model import model
from pipeline.runtime import process, progress
from pipeline.runtime.launch import launch
from pipeline.runtime.names import check_several
from pipeline.runtime.params import load, root
from pipeline.sections.warmup import Params
from pipeline.training import loop
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.objective import build_objective, fitted


def run(
    params: Params,
    start: model.Model,
    sources: Sequence[batches.Source],
    target: batches.Source,
    shares: Tensor,
    fabric: Fabric,
    log: progress.Log,
    checkpoint: Checkpoint | None = None,
) -> model.Model:
    """`start`, trained on; the target's labels are all IGNORE.

    `sources` take turns. `shares` float32 (images, C): of each class in each source image.
    """
    classes, features = len(start.recipe.taxonomy), model.channels(start)
    context = {"classes": classes, "features": features, "shares": shares}
    context |= {"sources": len(sources), "k": None}
    objective = build_objective(params.objective, params.options, params.seed, **context)
    start = fitted(start, objective, params.seed)
    sides = batches.shares(sources, target, params.batch, params.source_share)
    if getattr(objective, "several", False):
        check_several(params.objective, len(sources), params.batch, params.source_share)
    seed = params.seed
    loop.fit(start, objective, sides, params, params.steps, seed, fabric, log, (), checkpoint)
    return start


def main() -> None:
    """Open, run, write."""
    inputs = ("initial", "source", "target", "shares")
    at = process.paths(*inputs, "model", "curve", "unfinished", item=True)
    params = load(Params, "training", f"warmup.{at.item}")
    start = model.of_task(at.initial)
    sources = [*artifacts.read_sources(at.source, root, params.compute.memory).values()]
    images = artifacts.read_domain(at.target, root("target"), params.compute.memory)
    target = PseudoLabelled(images, None, len(start.recipe.taxonomy))
    names = start.recipe.taxonomy.names
    table = artifacts.read_table(at.shares, *names)
    shares = torch.tensor(table[[*names]].to_numpy("float32"))
    fabric = launch(params.compute)
    first = fabric.is_global_zero
    others = [Path(o) for o in params.options.values() if isinstance(o, str) and Path(o).is_file()]
    read = [at.initial, at.source, at.target, at.shares, *others]
    kept = loop.unfinished(at.unfinished, read, params)
    with progress.curve(at.curve, at.item, params.steps, params.log_every, first) as log:
        trained = run(params, start, sources, target, shares, fabric, log, kept)
    if first:
        model.save(at.model, trained, images.size)
        kept.remove()


if __name__ == "__main__":
    process.stage(main)
