"""Section `fit_translator` of a translation whose translator is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.runtime.params import Seed
from pipeline.sections.fit_translator import Params as Fitted
from pipeline.sections.training import Discriminator, Optimiser, Training


class GeneratorOptimiser(Optimiser):
    """CycleGAN's: Adam with 2e-4, constant for half of the steps, then linear to 0."""

    name: Literal["adamw", "adam", "sgd"] = "adam"
    lr: float = Field(default=2e-4, ge=0)
    weight_decay: float = Field(default=0.0, ge=0)
    momentum: float = Field(default=0.5, ge=0, lt=1)
    power: float = Field(default=1.0, ge=0)
    constant: float = Field(default=0.5, ge=0, lt=1)


class DiscriminatorOptimiser(GeneratorOptimiser, Discriminator):
    """The same."""

    second: float = Field(default=0.999, ge=0, lt=1)


class Params(Fitted, Training):
    """`fit_translator.training` over `fit_translator` itself, with `compute` and `seed`.

    A batch has so many crops of the source, and as many of the target.
    """

    seed: Seed
    steps: int = Field(ge=1)
    batch: int = Field(default=1, ge=1)
    optimiser: GeneratorOptimiser = GeneratorOptimiser()
    discriminator: DiscriminatorOptimiser = DiscriminatorOptimiser()
