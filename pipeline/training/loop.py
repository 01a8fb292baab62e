"""The only training loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.utils.data import DataLoader, Dataset

from pipeline.domain.augment import Augment
from pipeline.domain.batches import Batch, Sides
from pipeline.domain.draws import Draws
from pipeline.domain.mixing import Mixing
from pipeline.runtime import process, readers
from pipeline.runtime.files import BadInput
from pipeline.runtime.progress import Log
from pipeline.runtime.ranks import agreed, average, averaged
from pipeline.sections.training import Optimiser, Training
from pipeline.training import optimiser, passes
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.objective import Objective


def fit(
    model: nn.Module,
    objective: Objective,
    sides: Sides,
    params: Training,
    steps: int,
    seed: int,
    fabric: Fabric,
    log: Log,
    rare: Sequence[int] = (),
    checkpoint: Checkpoint | None = None,
) -> None:
    """Trains `model` in place on batches drawn from all sides; `rare` classes are mined."""
    augment, mixing = Augment(params.augment), _mixing(model, objective)
    ranks = fabric.global_rank, fabric.world_size
    matched = getattr(objective, "matched", False)
    draws = Draws(sides, augment, seed, *ranks, rare, mixing, params.sampling, matched)
    with torch.random.fork_rng(devices=[]):
        train(model, objective, draws, steps, params, fabric, log, seed, checkpoint)


def train(
    model: nn.Module,
    objective: Objective,
    draws: Dataset[Batch],
    steps: int,
    params: Training,
    fabric: Fabric,
    log: Log,
    seed: int = 0,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Trains `model` in place; `log(step, values)` after each step.

    A loss moves the parameters of its own group alone, whatever else its graph reaches. After a
    step all processes have the same parameters and buffers. Raises BadInput that names step and
    images where a loss is not finite.
    """
    if hasattr(objective, "begin"):
        objective.begin(model, steps)
    groups = {"network": model, **objective.modules}
    optimisers: dict[str, Optimiser] = dict.fromkeys(objective.modules, params.discriminator)
    optimisers["network"] = params.optimiser
    pairs = {
        name: fabric.setup(group, optimiser.built(group, optimisers[name]))
        for name, group in groups.items()
    }
    network = pairs["network"][0]
    passes.check_norms(model, objective, params.frozen_norm)
    passes.norms(model, params.frozen_norm)
    objective.modules = {name: pairs[name][0] for name in objective.modules}
    for key, part in _kept(objective).items():  # where the network is, and in its precision
        setattr(objective, key, fabric.setup_module(part))
    moved = {name: [p for p in g.parameters() if p.requires_grad] for name, g in groups.items()}
    buffers = [b for g in groups.values() for b in g.buffers() if b.is_floating_point()]
    checkpoint = checkpoint or Checkpoint()
    first = checkpoint.load(_state(groups, objective, pairs, log, fabric))
    agreed(first, "the step to go on from", fabric)
    loader = DataLoader(
        draws, batch_size=None, sampler=range(first, steps), num_workers=params.compute.workers,
        worker_init_fn=process.die_with_stage,
    )  # fmt: skip
    for step, found in enumerate(readers.read(loader), first):
        torch.manual_seed(_key(seed, step, fabric.global_rank))  # of dropout
        batch, objective.progress = fabric.to_device(found), step / steps
        for name, (_, stepper) in pairs.items():
            stepper.zero_grad()
            for group in stepper.param_groups:
                group["lr"] = group["times"] * optimiser.rate(optimisers[name], step, steps)
        values: dict[str, float] = {}
        due: set[str] = set()
        for loss in objective.losses(network, batch):
            terms = torch.stack([*loss.terms.values()])
            fabric.backward(terms.sum(), inputs=moved[loss.group])
            logged = {**loss.terms, **loss.seen}
            shared = averaged(torch.stack([term.detach() for term in logged.values()]))
            values |= dict(zip(logged, shared.tolist(), strict=True))
            due.add(loss.group)
        _check(step, values, batch)
        for name in sorted(due):
            average([p.grad for p in moved[name] if p.grad is not None])
        optimiser.step([pairs[name][1] for name in sorted(due)], fabric)
        average(buffers)
        log(step, {"lr": optimiser.rate(params.optimiser, step, steps), **values})
        if fabric.is_global_zero and checkpoint.due():
            checkpoint.save(step + 1)
    if hasattr(objective, "end"):
        objective.end(model)
    model.eval()


def _mixing(model: Any, objective: Any) -> Mixing | None:
    """What mixes a batch's sides, if the objective asks for it."""
    if "mixed" not in objective.sides:
        return None
    return Mixing(objective.mix, objective.mask, model.norm.colour)


def _state(
    groups: Mapping[str, nn.Module],
    objective: Objective,
    pairs: Mapping[str, tuple[nn.Module, Any]],
    log: Log,
    fabric: Fabric,
) -> dict[str, object]:
    """All that a step changes, by a name of its own: what a checkpoint keeps."""
    both = {**_kept(objective), **groups}
    parts: dict[str, object] = {f"module {key}": part for key, part in both.items()}
    parts |= {f"optimiser {key}": pair[1].optimizer for key, pair in pairs.items()}
    return parts | {"precision": fabric.strategy.precision, "curve": log}


def _kept(objective: Objective) -> dict[str, nn.Module]:
    """Modules that an objective keeps beside those that it trains."""
    return {key: part for key, part in vars(objective).items() if isinstance(part, nn.Module)}


def _key(*of: int) -> int:
    return int(np.random.SeedSequence(of).generate_state(1, np.uint64)[0])


def _check(step: int, values: dict[str, float], batch: Batch) -> None:
    wrong = [name for name, value in values.items() if not np.isfinite(value)]
    if wrong:
        names = [name for side in batch if side is not None for name in side.names]
        raise BadInput(
            f"step {step}: loss {', '.join(wrong)} is not finite, with {', '.join(names)}; "
            "look at these images, or lower training.optimiser.lr"
        )


def unfinished(parent: Path, inputs: Sequence[Path], params: Training) -> Checkpoint:
    """The checkpoint of a stage that trains with these `params` on these `inputs`."""
    return Checkpoint(parent, inputs, params, params.compute.checkpoint_minutes)
