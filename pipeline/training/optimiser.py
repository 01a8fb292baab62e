"""What moves parameters: the optimiser's params, its groups and its schedule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from pipeline.sections.training import Optimiser


def built(module: nn.Module, params: Optimiser) -> torch.optim.Optimizer:
    """torch's, whose groups have `times`: what each multiplies the rate with."""
    groups, decay = _groups(module, params.heads), params.weight_decay
    if params.name == "sgd":
        return torch.optim.SGD(groups, params.lr, params.momentum, weight_decay=decay)
    kind = torch.optim.AdamW if params.name == "adamw" else torch.optim.Adam
    return kind(groups, params.lr, (params.momentum, params.second), weight_decay=decay)


def _groups(module: nn.Module, heads: float) -> list[dict[str, Any]]:
    """All parameters, and those of the network's heads with `heads` times the rate."""
    prefixes = getattr(module, "heads", ())
    body: list[nn.Parameter] = []
    head: list[nn.Parameter] = []
    for name, parameter in module.named_parameters():
        (head if name.startswith(prefixes) else body).append(parameter)
    both = ({"params": body, "times": 1.0}, {"params": head, "times": heads})
    return [group for group in both if group["params"]]


def step(steppers: Sequence[Any], fabric: Fabric) -> None:
    """Each of Fabric's optimisers, by gradients of one training step.

    In 16-bit mixed precision these are multiples by one scale. Fabric would change it after each
    optimiser, and the next would divide by another. One whose gradients are not finite stays.
    """
    scaler = getattr(fabric.strategy.precision, "scaler", None)
    if scaler is None:
        for stepper in steppers:
            stepper.step()
    elif steppers:
        for stepper in steppers:
            scaler.step(stepper.optimizer)
        scaler.update()


def rate(params: Optimiser, step: int, steps: int) -> float:
    """Of the step, before a group multiplies it."""
    rising = min(1.0, (step + 1) / (params.warmup + 1))
    left = 1 - step / (params.horizon or steps)
    left = min(1.0, max(0.0, left / (1 - params.constant)))
    return float(params.lr * rising * left**params.power)
