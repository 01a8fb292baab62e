"""Train on the source and on the target's pseudo-labels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric

from pipeline.checks import plan
from pipeline.domain import artifacts, batches
from pipeline.domain.samples import Domain
from pipeline.inference.predictions import Predictions
from pipeline.inference.pseudo import PseudoLabelled
from pipeline.model import model
from pipeline.runtime import process, progress
from pipeline.runtime.files import BadInput
from pipeline.runtime.launch import launch
from pipeline.runtime.params import derived_seed, load, read, root
from pipeline.sections.retrain import Params
from pipeline.training import loop
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.objective import build_objective


@dataclass(frozen=True)
class Pseudo:
    """The target with its pseudo-labels, and what was found of them."""

    target: PseudoLabelled
    hard: batches.Source | None
    thresholds: pd.DataFrame

    def rare(self, below: float) -> list[int]:
        """The classes of fewer than that share of the predicted pixels."""
        predicted = self.thresholds["predicted"].to_numpy(float)
        return np.flatnonzero(predicted < below * predicted.sum()).tolist()


def run(
    params: Params,
    start: model.Model,
    sources: Sequence[batches.Source],
    pseudo: Pseudo,
    fabric: Fabric,
    log: progress.Log,
    checkpoint: Checkpoint | None = None,
) -> model.Model:
    """`start`, trained on; `sources` take turns."""
    k = torch.tensor(pseudo.thresholds["k"].to_numpy(np.float32))
    context = {"classes": len(start.recipe.taxonomy), "k": k}
    objective = build_objective(params.objective, params.options, params.seed, **context)
    soft = getattr(objective, "soft", False)
    target = pseudo.target if soft else replace(pseudo.target, logits=None)
    shares = (params.batch, params.source_share, pseudo.hard, params.hard_share)
    sides = batches.shares(sources, target, *shares)
    rare = pseudo.rare(params.rare_below)
    seed = params.seed
    loop.fit(start, objective, sides, params, params.steps, seed, fabric, log, rare, checkpoint)
    return start


def chosen(target: Domain, names: Collection[str]) -> list[int]:
    """The target's samples whose images are in `names`. Raises BadInput where there are none."""
    found = [i for i, sample in enumerate(target.samples) if sample.image in names]
    if not found:
        raise BadInput(
            "split: no image is easy, or none hard, as retrain.use or hard_share asks for; "
            "change split.easy"
        )
    return found


def only(domain: Domain, indices: Sequence[int]) -> Domain:
    """A domain of some of the samples."""
    return replace(domain, samples=[domain.samples[i] for i in indices])


def portion(source: Domain, share: float, seed: int) -> Domain:
    """The first floor(n * share) of a source in an order drawn by `seed`, at least one."""
    order = np.random.default_rng((seed, len(source))).permutation(len(source))
    count = max(1, int(len(source) * share + 1e-9))  # 100 * 0.29 is 28.999...
    return source if share == 1 else only(source, sorted(order[:count].tolist()))


def split_up(
    params: Params, target: PseudoLabelled, split: pd.DataFrame, thresholds: pd.DataFrame
) -> Pseudo:
    """The images to learn from and, where a share of them is asked for, the hard ones."""
    subsets = {key: set(rows["image"]) for key, rows in split.groupby("subset")}
    hard = None
    if params.hard_share:
        images = only(target.domain, chosen(target.domain, subsets.get("hard", ())))
        hard = PseudoLabelled(images, None, target.classes)
    if params.use == "easy" or "excluded" in subsets:
        wanted = ("easy",) if params.use == "easy" else ("easy", "hard")
        names = {name for subset in wanted for name in subsets.get(subset, ())}
        kept = chosen(target.domain, names)
        logits = target.logits and target.logits.only(kept)
        target = replace(target, domain=only(target.domain, kept), logits=logits)
    return Pseudo(target, hard, thresholds)


def weighed(target: PseudoLabelled, corrected: Collection[str], weight: int) -> PseudoLabelled:
    """With each image that has a correction `weight` times: a pass draws it so often.

    corrected: their names as files.
    """
    names = [sample.name for sample in target.samples]
    extra = [i for i, name in enumerate(names) if name in corrected] * (weight - 1)
    if not extra:
        return target
    order = sorted([*range(len(names)), *extra])
    logits = target.logits and target.logits.only(order)
    return replace(target, domain=only(target.domain, order), logits=logits)


def main() -> None:
    """Open, run, write."""
    made = ("labels", "corrections", "split", "predictions", "thresholds")
    at = process.paths(
        "initial", "source", "target", *made, "model", "curve", "unfinished", item=True
    )
    params = load(Params, "training", "retrain", f"rounds.{at.item}.retrain")
    plan.check(read(), at.item)
    own = derived_seed(params.seed, at.item)
    start = model.of_task(at.initial)
    found = artifacts.read_sources(at.source, root, params.compute.memory)
    key = params.seed if params.source_draw == "nested" else own
    sources = [portion(of, params.source_portion, key) for of in found.values()]
    images = artifacts.read_domain(at.target, root("target"), params.compute.memory)
    names = start.recipe.taxonomy.names
    classes = len(names)
    logits = Predictions(at.predictions, classes)
    logits.check_images([sample.image for sample in images.samples])
    target = PseudoLabelled(images, at.labels, classes, logits)
    split = artifacts.read_table(at.split, "subset", images=[s.image for s in images.samples])
    thresholds = artifacts.read_table(at.thresholds, "k", "predicted", classes=names)
    pseudo = split_up(params, target, split, thresholds)
    corrected = {path.stem for path in at.corrections.glob("*.png")}
    learned = weighed(pseudo.target, corrected, params.corrected_weight)
    pseudo = replace(pseudo, target=learned)
    fabric = launch(params.compute)
    first = fabric.is_global_zero
    params = params.model_copy(update={"seed": own})
    inputs = [at.initial, at.source, at.target, *(getattr(at, name) for name in made)]
    kept = loop.unfinished(at.unfinished, inputs, params)
    with progress.curve(at.curve, at.item, params.steps, params.log_every, first) as log:
        trained = run(params, start, sources, pseudo, fabric, log, kept)
    if first:
        model.save(at.model, trained, images.size)
        kept.remove()


if __name__ == "__main__":
    process.stage(main)
