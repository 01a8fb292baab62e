"""What a training step minimises: the losses that an objective yields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from pipeline.domain.batches import Batch
from pipeline.model.model import Model
from pipeline.model.recipe import SEVERAL
from pipeline.model.several import with_others, with_second
from pipeline.runtime import parts


class Loss(NamedTuple):
    """Named terms over one graph, whose sum moves one parameter group; `seen` is only logged.

    The loop goes back through a graph as soon as it is yielded, and frees it.
    """

    terms: dict[str, Tensor]
    group: str = "network"
    seen: Mapping[str, Tensor] = MappingProxyType({})


class Objective(Protocol):
    """What a step minimises. `modules` are its own, each a parameter group of that name.

    `sides` of a batch it needs (and `optional` ones), `labels` of which sides it learns from, and
    whether it learns `soft` labels, for which the target's samples carry their teacher's logits.
    The loop sets `progress`, the share of the steps that are done, before each of them. One that
    needs the side `mixed` has a `mix` and a `mask` (views.Mix, views.Mask or None). The loop calls
    its `begin(model, steps)` before the first step, or the one to go on from, and its `end(model)`
    after the last, if it has these. `splits`, of one whose model gets more classifiers of its
    features (`fitted`): True, or the name of the option that asks for them.
    """

    sides: tuple[str, ...]
    labels: tuple[str, ...]
    modules: dict[str, nn.Module]
    progress: float

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """The step's losses, each graph's as soon as it stands."""


def fitted(start: Model, objective: Objective, seed: int) -> Model:
    """`start` with the classifiers that an objective asks for, drawn by `seed` where drawn.

    `second`: one more, as CLAN's; `classifiers` or `networks`: so many, one of each source.
    """
    if getattr(objective, "second", False):
        start = with_second(start, seed)
    asked = {key: getattr(objective, key, 1) for key in SEVERAL}
    return with_others(start, **asked) if max(asked.values()) > 1 else start


def build_objective(name: str, options: Mapping[str, Any], seed: int, **context: Any) -> Objective:
    """A part of the room, its own modules drawn by `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        built: Objective = parts.build("objectives", name, options, **context)
        return built
