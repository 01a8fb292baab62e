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

from pipeline.domain.windows import WHOLE, Window
from pipeline.model.grids import resample
from pipeline.runtime.files import BadInput
from pipeline.training.discriminators import SMALLEST
from pipeline.training.losses import self_information
from pipeline.training.objective import Loss

Maps = Callable[[Tensor], Tensor]
"""Logits (N, C, h, w) to what a discriminator sees of them."""


def maps(
    logits: Tensor, within: Tensor, of: Maps = self_information, over: Window = WHOLE
) -> Tensor:
    """Weighted self-information (or `of` else) of the logits, upsampled first, as in ADVENT.

    The logits cover `over`. Of the size of `within`, bool (N, H, W), and 0 on padding, where it is
    false, so that what the network makes of it is not seen. Padding itself is, and judged: it tells
    nothing where both sides are padded as often.
    Raises BadInput where the crop is too small for the discriminator.
    """
    size = within.shape[-2:]
    if min(size) < SMALLEST:
        raise BadInput(
            f"training.augment: a crop of {size[1]}x{size[0]} is too small for the discriminator; "
            f"make both sides {SMALLEST} or more"
        )
    return of(resample(logits.float(), size, over)) * within[:, None]


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
