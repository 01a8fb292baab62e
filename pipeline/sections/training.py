"""Section `training`: what pretrain, warmup and retrain share, each laying its own over it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.domain.sampling import SamplingParams
from pipeline.domain.views import AugmentParams
from pipeline.runtime.compute import Compute
from pipeline.runtime.params import Section


class Optimiser(Section):
    """The rate falls from `lr` to 0 as (1 - step/horizon)^power, after a linear `warmup`.

    With `constant` it stays for that share of the horizon first. ADVENT stops after 120,000 steps
    of a `horizon` of 250,000; `heads` is 10 in the papers.
    """

    name: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: float = Field(default=1e-3, ge=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)  # of sgd, and the first of adam's two averages
    second: float = Field(default=0.999, ge=0, lt=1)  # the second of them
    power: float = Field(default=0.9, ge=0)
    warmup: int = Field(default=0, ge=0)
    constant: float = Field(default=0.0, ge=0, lt=1)
    horizon: int | None = Field(default=None, ge=1)  # null: the steps
    heads: float = Field(default=1.0, gt=0, le=1000)  # times the rate, for classifiers


class Discriminator(Optimiser):
    """ADVENT's: Adam with 1e-4, what is not given included."""

    name: Literal["adamw", "adam", "sgd"] = "adam"
    lr: float = Field(default=1e-4, ge=0)
    weight_decay: float = Field(default=0.0, ge=0)
    second: float = Field(default=0.99, ge=0, lt=1)


class Training(Section):
    """What every training stage shares."""

    source: str | None = None  # its name, for dvc.yaml; the stage is given its index
    batch: int = Field(ge=1)
    augment: AugmentParams
    sampling: SamplingParams | None = None  # rare-class sampling of the source; null: each in turn
    optimiser: Optimiser = Optimiser()
    discriminator: Discriminator = Discriminator()
    # batch norm keeps its statistics and weights, as in CRST's code: small batches tell little
    frozen_norm: bool = False
    log_every: int = Field(default=10, ge=1)
    compute: Compute = Compute()
