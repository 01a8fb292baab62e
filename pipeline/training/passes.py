"""How the sides of a batch pass the network, and what batch norm makes of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import torch
from torch import nn

from pipeline.domain.batches import Labelled
from pipeline.model.outputs import Outputs
from pipeline.runtime.files import BadInput

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
        found[name] = Outputs(outputs.logits[part], aux, over=outputs.over)
    yield found


@contextmanager
def fixed_statistics(model: nn.Module, fixed: bool = True) -> Iterator[None]:
    """Batch norm uses the batch's statistics as ever, but does not add them to the running ones."""
    found = _norms(model)
    momenta = [norm.momentum for norm in found]
    for norm in found if fixed else ():
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(found, momenta, strict=True):
            norm.momentum = momentum


def norms(model: nn.Module, frozen: bool) -> None:
    """`model` in training mode, its batch norm in it too or, weights and all, as it is."""
    model.train()
    for norm in _norms(model):
        norm.train(not frozen)
        norm.requires_grad_(not frozen)


def mode_like(other: nn.Module, model: nn.Module) -> None:
    """`other` in the mode that `model` is in, and its batch norm in that of `model`'s."""
    other.train(model.training)
    norms_like(other, model)


def norms_like(other: nn.Module, model: nn.Module) -> None:
    """`other`'s batch norm in the mode that `model`'s is in."""
    training = any(norm.training for norm in _norms(model))
    for norm in _norms(other):
        norm.train(training)


def check_norms(model: nn.Module, objective: object, frozen: bool) -> None:
    """Raises BadInput that names what asks something of batch norm, where `model` has none."""
    asked = {
        "training.frozen_norm = true": frozen,
        "objective = adapt_norm": getattr(objective, "labels", None) == (),
        "options.own_norm = true": getattr(objective, "own_norm", False),
        "options.norm = own": getattr(objective, "norm", None) == "own",
        "options.statistics = running": getattr(objective, "statistics", None) == "running",
    }
    about = [setting for setting, holds in asked.items() if holds]
    if about and not _norms(model):
        raise BadInput(
            f"{', '.join(about)}: the network has no batch norm, so nothing would come of it; "
            "leave it out, or choose a network with batch norm"
        )


def _norms(model: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    return [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
