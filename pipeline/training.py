"""The only training loop, and the batches that it draws."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple, Protocol

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from pipeline.augment import Augment, AugmentParams
from pipeline.compute import Compute
from pipeline.model import Outputs
from pipeline.params import Section
from pipeline.progress import Log
from pipeline.samples import BadInput, Pixels, Sample
from pipeline.taxonomy import IGNORE


class Optimiser(Section):
    """The rate falls from `lr` to 0 as (1 - step/steps)^power, after a linear `warmup`."""

    name: Literal["adamw", "sgd"] = "adamw"
    lr: float = 1e-3
    weight_decay: float = 1e-2
    momentum: float = 0.9
    power: float = 0.9
    warmup: int = 0


class Training(Section):
    """What every training stage shares."""

    batch: int
    augment: AugmentParams
    optimiser: Optimiser = Optimiser()
    log_every: int = 10
    compute: Compute = Compute()


class Source(Protocol):
    """Images with labels: a domain, or a domain with pseudo-labels in place of its own."""

    @property
    def samples(self) -> Sequence[Sample]:
        """Their names and sizes."""

    def __len__(self) -> int: ...

    def image(self, index: int) -> Pixels:
        """uint8 (height, width, 3) RGB."""

    def label(self, index: int) -> Pixels:
        """Train ids uint8 (height, width)."""


Side = tuple[Source, int] | None
"""Where one side's samples come from, and how many of them are in a batch."""


class Labelled(NamedTuple):
    """Images uint8 (N, 3, H, W), train ids int64 (N, H, W), and where they come from."""

    images: Tensor
    labels: Tensor
    names: list[str]


class Batch(NamedTuple):
    """Either side may be absent: no target in pretraining, no source in IntraDA's last step."""

    source: Labelled | None
    target: Labelled | None


class Draws(Dataset[Batch]):
    """Step -> Batch, a pure function of (seed, step): no loader's state decides what is drawn.

    Every image of a side is drawn once before any is drawn again. With several processes, each
    takes its own `rank`-th of the batch's positions.
    """

    def __init__(
        self,
        source: Side,
        target: Side,
        augment: Augment,
        seed: int,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self.sides = (source, target)
        fewest = min((side[1] or ranks for side in self.sides if side), default=ranks)
        if fewest < ranks:
            raise BadInput(
                f"{fewest} samples of a side in a batch for {ranks} processes; raise training.batch"
            )
        self.augment = augment
        self.seed = seed
        self.rank, self.ranks = rank, ranks

    def __getitem__(self, step: int) -> Batch:
        source, target = (self._side(number, step) for number in range(2))
        return Batch(source, target)

    def _side(self, number: int, step: int) -> Labelled | None:
        side = self.sides[number]
        if side is None or side[1] == 0:
            return None
        of, count = side
        pairs, names = [], []
        for position in range(self.rank, count, self.ranks):
            index = self._index(number, step * count + position, len(of))
            key = (self.seed, number, step, position)
            pairs.append(self.augment(of.image(index), of.label(index), key))
            names.append(of.samples[index].image)
        images, labels = zip(*pairs, strict=True)
        return Labelled(torch.stack(images), torch.stack(labels).long(), names)

    def _index(self, number: int, draw: int, size: int) -> int:
        pass_, place = divmod(draw, size)
        order = np.random.default_rng((self.seed, number, pass_)).permutation(size)
        return int(order[place])


class Loss(NamedTuple):
    """Named terms over one graph, whose sum moves one parameter group.

    The loop goes back through a graph as soon as it is yielded, and frees it.
    """

    terms: dict[str, Tensor]
    group: str = "network"


class Objective(Protocol):
    """What a step minimises. `modules` are its own, each a parameter group of that name."""

    modules: dict[str, nn.Module]

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """The step's losses, each graph's as soon as it stands."""


def shares(source: Source, target: Source, batch: int, source_share: float) -> tuple[Side, Side]:
    """Both sides, `source_share` of each batch (rounded) from the source."""
    count = round(batch * source_share)
    return (source, count), (target, batch - count)


def fit(
    model: nn.Module,
    objective: Objective,
    sides: tuple[Side, Side],
    params: Training,
    steps: int,
    seed: int,
    fabric: Fabric,
    log: Log,
) -> None:
    """Trains `model` in place on batches drawn from the source and the target side."""
    augment = Augment(params.augment)
    draws = Draws(*sides, augment, seed, fabric.global_rank, fabric.world_size)
    workers = params.compute.workers
    drawn = DataLoader(draws, batch_size=None, sampler=range(steps), num_workers=workers)
    train(model, objective, drawn, steps, params.optimiser, fabric, log)


def train(
    model: nn.Module,
    objective: Objective,
    drawn: Iterable[Batch],
    steps: int,
    optimiser: Optimiser,
    fabric: Fabric,
    log: Log,
) -> None:
    """Trains `model` in place; `log(step, values)` after each step.

    A loss moves the parameters of its own group alone, whatever else its graph reaches. Raises
    BadInput that names step and images where a loss is not finite.
    """
    groups = {"network": model, **objective.modules}
    pairs = {
        name: fabric.setup(group, _optimiser(group, optimiser)) for name, group in groups.items()
    }
    network = pairs["network"][0]
    objective.modules = {name: pairs[name][0] for name in objective.modules}
    moved = {name: [p for p in g.parameters() if p.requires_grad] for name, g in groups.items()}
    network.train()
    for step, found in enumerate(drawn):
        batch = fabric.to_device(found)
        rate = _rate(optimiser, step, steps)
        for _, stepper in pairs.values():
            stepper.zero_grad()
            for group in stepper.param_groups:
                group["lr"] = rate
        values: dict[str, float] = {}
        due: set[str] = set()
        for loss in objective.losses(network, batch):
            fabric.backward(torch.stack([*loss.terms.values()]).sum(), inputs=moved[loss.group])
            values |= {name: term.item() for name, term in loss.terms.items()}
            due.add(loss.group)
        _check(step, values, batch)
        for name in due:
            pairs[name][1].step()
        log(step, {"lr": rate, **values})
    model.eval()


@contextmanager
def fixed_statistics(model: nn.Module, fixed: bool = True) -> Iterator[None]:
    """Batch norm uses the batch's statistics as ever, but does not add them to the running ones."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms if fixed else ():
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def _optimiser(module: nn.Module, params: Optimiser) -> torch.optim.Optimizer:
    if params.name == "sgd":
        return torch.optim.SGD(
            module.parameters(), params.lr, params.momentum, weight_decay=params.weight_decay
        )
    return torch.optim.AdamW(module.parameters(), params.lr, weight_decay=params.weight_decay)


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


def supervised(
    outputs: Outputs, labels: Tensor, aux: float, pixels: Tensor | None = None
) -> Tensor:
    """Cross-entropy of the logits, and `aux` times that of the auxiliary logits where there are."""
    loss = cross_entropy(outputs.logits, labels, pixels)
    return loss if outputs.aux is None else loss + aux * cross_entropy(outputs.aux, labels, pixels)


def labelled(labels: Tensor) -> Tensor:
    """How many pixels are not IGNORE."""
    return (labels != IGNORE).sum()


def cross_entropy(logits: Tensor, labels: Tensor, pixels: Tensor | None = None) -> Tensor:
    """Sum over the pixels that are not IGNORE, divided by their number or by `pixels`.

    logits (N, C, h, w), upsampled to labels int64 (N, H, W). 0 where nothing is labelled.
    """
    full = F.interpolate(logits.float(), labels.shape[-2:], mode="bilinear")
    # classes last: twice as fast on the CPU as cross_entropy over the second axis
    flat = full.permute(0, 2, 3, 1).reshape(-1, logits.shape[1])
    total = F.cross_entropy(flat, labels.reshape(-1), ignore_index=IGNORE, reduction="sum")
    return total / (labelled(labels) if pixels is None else pixels).clamp(min=1)
