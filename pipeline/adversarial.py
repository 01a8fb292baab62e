"""The two losses between a discriminator and the network.

One convention in all of the project: the side that is to be resembled (the source, or the easy
images) is 1, the other 0. ADVENT's code has it the other way round, which changes nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.batches import Batch
from pipeline.discriminators import SMALLEST, Discriminator
from pipeline.losses import self_information, supervised
from pipeline.model import Outputs
from pipeline.passes import fixed_statistics
from pipeline.samples import BadInput
from pipeline.training import Loss

Maps = Callable[[Tensor], Tensor]
"""Logits (N, C, h, w) to what a discriminator sees of them."""


def maps(logits: Tensor, size: torch.Size, of: Maps = self_information) -> Tensor:
    """Weighted self-information (or `of` else) of the logits, upsampled to `size` as in ADVENT.

    Raises BadInput where the crop is too small for the discriminator.
    """
    if min(size) < SMALLEST:
        raise BadInput(
            f"training.augment: a crop of {size[1]}x{size[0]} is too small for the discriminator; "
            f"make both sides {SMALLEST} or more"
        )
    return of(F.interpolate(logits.float(), size, mode="bilinear"))


def judged(found: Tensor, side: float, local: Tensor | None = None, square: bool = False) -> Tensor:
    """Binary cross-entropy of a discriminator's logits (N, 1, h, w) with `side`, 1 or 0.

    `square`: the squared error instead (LSGAN). `local` (N, 1, H, W) weighs each place, to
    which the logits are then upsampled.
    """
    if local is not None:
        found = F.interpolate(found, local.shape[-2:], mode="bilinear")
    aim = torch.full_like(found, side)
    kind = F.mse_loss if square else F.binary_cross_entropy_with_logits
    each = kind(found, aim, reduction="none")
    return each.mean() if local is None else (each * local).mean()


@dataclass(frozen=True)
class Level:
    """What one discriminator sees of both sides, and how much its judgement weighs."""

    discriminator: nn.Module
    resembled: Tensor  # (N, C, H, W)
    other: Tensor
    weight: float
    name: str = ""  # of its terms and its group: "adversarial_aux"
    local: Tensor | None = None  # of `other`, see judged
    square: bool = False

    def fooled(self) -> Tensor:
        """The network's loss: the other side taken for the resembled one."""
        found = self.discriminator(self.other)
        return self.weight * judged(found, 1.0, self.local, self.square)

    def told(self) -> Loss:
        """The discriminator's: half of each side, as ADVENT does; and the share it tells right."""
        ones = self.discriminator(self.resembled.detach())
        others = self.discriminator(self.other.detach())
        local = None if self.local is None else self.local.detach()
        own = judged(ones, 1.0, square=self.square)
        loss = (own + judged(others, 0.0, local, self.square)) / 2
        half = 0.5 if self.square else 0.0
        right = ((ones > half).float().mean() + (others <= half).float().mean()) / 2
        group = f"discriminator{self.name}"
        return Loss({f"told{self.name}": loss}, group, {f"accuracy{self.name}": right.detach()})


def align(*levels: Level, more: Mapping[str, Tensor] | None = None) -> Iterator[Loss]:
    """The network's step towards the resembled side, then each discriminator's.

    Terms `adversarial` of each level with `more` of the same graph, then its `told`.
    """
    terms = {f"adversarial{level.name}": level.fooled() for level in levels}
    yield Loss({**terms, **(more or {})})
    for level in levels:
        yield level.told()


class OutputAlignment:
    """Supervised on one side, as whose output maps the other's are to look, at one or two levels.

    Tsai et al., AdaptSegNet, 2018, and what followed it. `weights`: of the logits' level and, if
    not 0, of the auxiliary head's. A subclass says which sides, and may add terms.
    """

    sides: tuple[str, ...] = ("source", "target")
    labels: tuple[str, ...] = ("source",)

    def __init__(
        self,
        classes: int,
        weights: tuple[float, float],
        aux: float,
        of: Maps,
        own_norm: bool = False,
        square: bool = False,
        width: int = 64,
    ) -> None:
        names = ("", "_aux") if weights[1] else ("",)
        self.weights = dict(zip(names, weights, strict=False))
        own = {f"discriminator{name}": Discriminator(classes, width) for name in names}
        self.modules: dict[str, nn.Module] = {**own}
        self.aux, self.of, self.own_norm, self.square = aux, of, own_norm, square

    def more(self, outputs: Outputs) -> dict[str, Tensor]:
        """Further terms of the other side's outputs."""
        return {}

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Terms named as the labelled side, `adversarial` and `told`, and those of `more`."""
        one, other = (getattr(batch, side) for side in self.sides)
        size = one.images.shape[-2:]
        with fixed_statistics(model, self.own_norm):
            outputs = model(one.images)
        resembled = {name: self._maps(outputs, name, size).detach() for name in self.weights}
        yield Loss({self.sides[0]: supervised(outputs, one.labels, self.aux)})
        outputs = model(other.images)
        levels = [
            Level(self.modules[f"discriminator{name}"], resembled[name],
                  self._maps(outputs, name, size), weight, name, square=self.square)
            for name, weight in self.weights.items()
        ]  # fmt: skip
        yield from align(*levels, more=self.more(outputs))

    def _maps(self, outputs: Outputs, name: str, size: torch.Size) -> Tensor:
        logits = outputs.aux if name else outputs.logits
        if logits is None:
            raise BadInput(
                "adversarial_aux: the network has no auxiliary head; set it to 0, or "
                "network.options.aux where the network has one"
            )
        return maps(logits, size, self.of)
