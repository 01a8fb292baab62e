"""The only training loop, and the batches that it draws."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from pipeline import parts
from pipeline.augment import Augment, AugmentParams
from pipeline.compute import Compute
from pipeline.model import Outputs
from pipeline.params import Section
from pipeline.progress import Log
from pipeline.samples import BadInput, Pixels, Sample


class Optimiser(Section):
    """The rate falls from `lr` to 0 as (1 - step/steps)^power, after a linear `warmup`."""

    name: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: float = 1e-3
    weight_decay: float = 1e-2
    momentum: float = 0.9  # of sgd, and the first of adam's two averages
    second: float = 0.999  # the second of them
    power: float = 0.9
    warmup: int = 0


class Training(Section):
    """What every training stage shares."""

    batch: int
    augment: AugmentParams
    optimiser: Optimiser = Optimiser()
    # ADVENT's
    discriminator: Optimiser = Optimiser(name="adam", lr=1e-4, weight_decay=0, second=0.99)
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


_NONE = 1e-9  # a share: what is left of 1 by rounding

Side = tuple[Source, int] | None
"""Where one side's samples come from, and how many of them are in a batch."""

Sides = tuple[Side, ...]
"""Source, target and, of some objectives, hard target images."""


class Labelled(NamedTuple):
    """Images uint8 (N, 3, H, W), train ids int64 (N, H, W), and where they come from.

    Where labels may be soft: the teacher's logits float16 (N, C, h, w) over the whole images, and
    `windows` float32 (N, 4), where each crop lies in its image (see augment.View).
    """

    images: Tensor
    labels: Tensor
    names: list[str]
    logits: Tensor | None = None
    windows: Tensor | None = None


class Batch(NamedTuple):
    """Any side may be absent: no target in pretraining, no source in IntraDA.

    `hard` are target images that are only aligned: their labels are not used.
    """

    source: Labelled | None
    target: Labelled | None
    hard: Labelled | None = None


class Draws(Dataset[Batch]):
    """Step -> Batch, a pure function of (seed, step): no loader's state decides what is drawn.

    Every image of a side is drawn once before any is drawn again. With several processes, each
    takes its own `rank`-th of the batch's positions. `rare` classes are mined in the target.
    """

    def __init__(
        self,
        sides: Sides,
        augment: Augment,
        seed: int,
        rank: int = 0,
        ranks: int = 1,
        rare: Sequence[int] = (),
    ) -> None:
        self.sides = sides
        fewest = min((side[1] or ranks for side in self.sides if side), default=ranks)
        if fewest < ranks:
            raise BadInput(
                f"{fewest} samples of a side in a batch for {ranks} processes; raise training.batch"
            )
        self.augment = augment
        self.seed = seed
        self.rank, self.ranks = rank, ranks
        self.rare = [(), rare, ()]

    def __getitem__(self, step: int) -> Batch:
        return Batch(*(self._side(number, step) for number in range(len(self.sides))))

    def _side(self, number: int, step: int) -> Labelled | None:
        side = self.sides[number]
        if side is None or side[1] == 0:
            return None
        of, count = side
        positions = range(self.rank, count, self.ranks)
        indices = [self._index(number, step * count + position, len(of)) for position in positions]
        views = [
            self.augment(
                of.image(index), of.label(index), (self.seed, number, step, position),
                self.rare[number],
            )
            for index, position in zip(indices, positions, strict=True)
        ]  # fmt: skip
        images, labels, windows = (torch.stack(part) for part in zip(*views, strict=True))
        names = [of.samples[index].image for index in indices]
        logits = getattr(of, "logits", None)
        if logits is None:
            return Labelled(images, labels.long(), names)
        grids = torch.stack([torch.from_numpy(logits[index].logits.copy()) for index in indices])
        return Labelled(images, labels.long(), names, grids, windows)

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
    """What a step minimises. `modules` are its own, each a parameter group of that name.

    `sides` of a batch it needs (and `optional` ones), `labels` of which sides it learns from, and
    whether it learns `soft` labels, for which the target's samples carry their teacher's logits.
    """

    sides: tuple[str, ...]
    labels: tuple[str, ...]
    modules: dict[str, nn.Module]

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """The step's losses, each graph's as soon as it stands."""


def shares(
    source: Source,
    target: Source,
    batch: int,
    source_share: float,
    hard: Source | None = None,
    hard_share: float = 0.0,
) -> Sides:
    """`source_share` and `hard_share` of each batch (rounded); the rest is the target.

    Raises BadInput where that leaves a side that has a share without any sample.
    """
    count, hards = round(batch * source_share), round(batch * hard_share)
    counts = {"source": count, "hard": hards, "target": batch - count - hards}
    given = {"source": source_share, "hard": hard_share, "target": 1 - source_share - hard_share}
    if empty := [side for side, own in given.items() if own > _NONE and counts[side] < 1]:
        raise BadInput(
            f"training.batch = {batch}: too small to hold a {' and a '.join(empty)} image with "
            f"source_share {source_share} and hard_share {hard_share}; raise it, or change these"
        )
    aligned = None if hard is None else (hard, hards)
    return (source, count), (target, batch - count - hards), aligned


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


Norm = Literal["joint", "own"]


def passes(
    model: nn.Module, sides: Mapping[str, Labelled], norm: Norm
) -> Iterator[dict[str, Outputs]]:
    """The outputs of each side by its name, from one or from several passes of the network.

    "joint": all sides are one batch, and batch norm sees their mixture. "own": each side passes
    by itself, and the running statistics, which the model predicts with, are those of all but the
    source (domain-specific batch norm, Chang et al., 2019, with only the target's half kept).
    """
    if norm == "own":
        for name, side in sides.items():
            with fixed_statistics(model, name == "source"):
                outputs = model(side.images)
            yield {name: outputs}
        return
    outputs = model(torch.cat([side.images for side in sides.values()]))
    found, start = {}, 0
    for name, side in sides.items():
        part = slice(start, start := start + len(side.images))
        aux = None if outputs.aux is None else outputs.aux[part]
        found[name] = Outputs(outputs.logits[part], aux)
    yield found
