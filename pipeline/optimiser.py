"""What moves parameters: the optimiser's params, its groups and its schedule."""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import Field
from torch import nn

from pipeline.params import Section


class Optimiser(Section):
    """The rate falls from `lr` to 0 as (1 - step/horizon)^power, after a linear `warmup`.

    ADVENT stops after 120,000 steps of a `horizon` of 250,000; `heads` is 10 in the papers.
    """

    name: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: float = Field(default=1e-3, ge=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)  # of sgd, and the first of adam's two averages
    second: float = Field(default=0.999, ge=0, lt=1)  # the second of them
    power: float = Field(default=0.9, ge=0)
    warmup: int = Field(default=0, ge=0)
    horizon: int | None = Field(default=None, ge=1)  # null: the steps
    heads: float = Field(default=1.0, gt=0, le=1000)  # times the rate, for classifiers


class Discriminator(Optimiser):
    """ADVENT's: Adam with 1e-4, what is not given included."""

    name: Literal["adamw", "adam", "sgd"] = "adam"
    lr: float = Field(default=1e-4, ge=0)
    weight_decay: float = Field(default=0.0, ge=0)
    second: float = Field(default=0.99, ge=0, lt=1)


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


def rate(params: Optimiser, step: int, steps: int) -> float:
    """Of the step, before a group multiplies it."""
    rising = min(1.0, (step + 1) / (params.warmup + 1))
    left = max(0.0, 1 - step / (params.horizon or steps))
    return float(params.lr * rising * left**params.power)
