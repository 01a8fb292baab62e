"""The only training loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch
from lightning_fabric import Fabric
from pydantic import Field
from torch import Tensor, nn
from torch.utils.data import DataLoader

from pipeline import parts
from pipeline.augment import Augment, AugmentParams
from pipeline.batches import Batch, Draws, Sides
from pipeline.compute import Compute
from pipeline.params import Section
from pipeline.progress import Log
from pipeline.samples import BadInput


class Optimiser(Section):
    """The rate falls from `lr` to 0 as (1 - step/steps)^power, after a linear `warmup`."""

    name: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: float = Field(default=1e-3, ge=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)  # of sgd, and the first of adam's two averages
    second: float = Field(default=0.999, ge=0, lt=1)  # the second of them
    power: float = Field(default=0.9, ge=0)
    warmup: int = Field(default=0, ge=0)


class Training(Section):
    """What every training stage shares."""

    batch: int = Field(ge=1)
    augment: AugmentParams
    optimiser: Optimiser = Optimiser()
    # ADVENT's
    discriminator: Optimiser = Optimiser(name="adam", lr=1e-4, weight_decay=0, second=0.99)
    log_every: int = Field(default=10, ge=1)
    compute: Compute = Compute()


class Loss(NamedTuple):
    """Named terms over one graph, whose sum moves one parameter group.

    The loop goes back through a graph as soon as it is yielded, and frees it.
    """

    terms: dict[str, Tensor]
    group: str = "network"


class Objective(Protocol):
    """What a step minimises. `modules` are its own, each a parameter group of that name.

    `sides` of a batch it needs (and `optional` ones), `labels` of which sides it learns from, and
    whether it learns `soft` labels, for which the target's samples carry their teacher's logits.
    """

    sides: tuple[str, ...]
    labels: tuple[str, ...]
    modules: dict[str, nn.Module]

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """The step's losses, each graph's as soon as it stands."""


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
) -> None:
    """Trains `model` in place on batches drawn from all sides; `rare` classes are mined."""
    augment = Augment(params.augment)
    draws = Draws(sides, augment, seed, fabric.global_rank, fabric.world_size, rare)
    workers = params.compute.workers
    drawn = DataLoader(draws, batch_size=None, sampler=range(steps), num_workers=workers)
    train(model, objective, drawn, steps, params, fabric, log)


def train(
    model: nn.Module,
    objective: Objective,
    drawn: Iterable[Batch],
    steps: int,
    params: Training,
    fabric: Fabric,
    log: Log,
) -> None:
    """Trains `model` in place; `log(step, values)` after each step.

    A loss moves the parameters of its own group alone, whatever else its graph reaches. Raises
    BadInput that names step and images where a loss is not finite.
    """
    groups = {"network": model, **objective.modules}
    optimisers = dict.fromkeys(objective.modules, params.discriminator)
    optimisers["network"] = params.optimiser
    pairs = {
        name: fabric.setup(group, _optimiser(group, optimisers[name]))
        for name, group in groups.items()
    }
    network = pairs["network"][0]
    objective.modules = {name: pairs[name][0] for name in objective.modules}
    moved = {name: [p for p in g.parameters() if p.requires_grad] for name, g in groups.items()}
    network.train()
    for step, found in enumerate(drawn):
        batch = fabric.to_device(found)
        for name, (_, stepper) in pairs.items():
            stepper.zero_grad()
            for group in stepper.param_groups:
                group["lr"] = _rate(optimisers[name], step, steps)
        values: dict[str, float] = {}
        due: set[str] = set()
        for loss in objective.losses(network, batch):
            fabric.backward(torch.stack([*loss.terms.values()]).sum(), inputs=moved[loss.group])
            values |= {name: term.item() for name, term in loss.terms.items()}
            due.add(loss.group)
        _check(step, values, batch)
        for name in due:
            pairs[name][1].step()
        log(step, {"lr": _rate(params.optimiser, step, steps), **values})
    model.eval()


def _optimiser(module: nn.Module, params: Optimiser) -> torch.optim.Optimizer:
    if params.name == "sgd":
        return torch.optim.SGD(
            module.parameters(), params.lr, params.momentum, weight_decay=params.weight_decay
        )
    kind = torch.optim.AdamW if params.name == "adamw" else torch.optim.Adam
    betas = (params.momentum, params.second)
    return kind(module.parameters(), params.lr, betas, weight_decay=params.weight_decay)


def _rate(params: Optimiser, step: int, steps: int) -> float:
    rising = min(1.0, (step + 1) / (params.warmup + 1))
    return float(params.lr * rising * (1 - step / steps) ** params.power)


def _check(step: int, values: dict[str, float], batch: Batch) -> None:
    wrong = [name for name, value in values.items() if not np.isfinite(value)]
    if wrong:
        names = [name for side in batch if side is not None for name in side.names]
        raise BadInput(
            f"step {step}: loss {', '.join(wrong)} is not finite, with {', '.join(names)}; "
            "look at these images, or lower training.optimiser.lr"
        )


def objective(name: str, options: Mapping[str, Any], seed: int, **context: Any) -> Objective:
    """A part of the room, its own modules drawn by `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        built: Objective = parts.build("objectives", name, options, **context)
        return built
