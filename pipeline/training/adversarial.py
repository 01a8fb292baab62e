"""The two losses between a discriminator and the network.

One convention in all of the project: the side that is to be resembled (the source, or the easy
images) is 1, the other 0. ADVENT's code has it the other way round, which changes nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.domain.batches import Labelled
from pipeline.domain.windows import WHOLE, Window
from pipeline.model.grids import resample
from pipeline.runtime.files import BadInput
from pipeline.runtime.ranks import averaged
from pipeline.training.crops import inside
from pipeline.training.discriminators import SMALLEST
from pipeline.training.losses import self_information
from pipeline.training.objective import Loss

Maps = Callable[[Tensor], Tensor]
"""Logits (N, C, h, w) to what a discriminator sees of them."""


Judge = Callable[[Tensor], Tensor]
"""A discriminator: maps (N, C, H, W) to logits (N, 1, h, w)."""


class Seen(NamedTuple):
    """What a discriminator sees of a side, and which pixels of the crops are no padding."""

    maps: Tensor  # float32 (N, C, h, w)
    within: Tensor  # bool (N, H, W)

    def detach(self) -> Seen:
        """Without the graph of the maps."""
        return self._replace(maps=self.maps.detach())

    def shares(self, found: Tensor) -> Tensor:
        """How much of each place of `found` (N, 1, h, w) is no padding, by area, from 0 to 1."""
        return F.interpolate(self.within[:, None].float(), found.shape[-2:], mode="area")


def maps(logits: Tensor, within: Tensor, of: Maps = self_information, over: Window = WHOLE) -> Seen:
    """Weighted self-information (or `of` else) of the logits, upsampled first, as in ADVENT.

    The logits cover `over`. Of the size of `within`, bool (N, H, W), and 0 on padding, where it is
    false: a discriminator's cell sees far beyond its own place.
    Raises BadInput where the crop is too small for the discriminator.
    """
    size = within.shape[-2:]
    if min(size) < SMALLEST:
        raise BadInput(
            f"training.augment: a crop of {size[1]}x{size[0]} is too small for the discriminator; "
            f"make both sides {SMALLEST} or more"
        )
    return Seen(of(resample(logits.float(), size, over)) * within[:, None], within)


def masked(maps: Tensor, side: Labelled, over: Window = WHOLE) -> Seen:
    """Maps (N, C, h, w) of a side that cover `over`, on their own grid, 0 in cells of padding.

    For a discriminator that looks beyond a cell: what a network makes of padding tells sides apart.
    """
    cells = inside(side.windows, maps.shape[-2:], over)[:, None]
    return Seen(maps.float() * cells, inside(side.windows, side.images.shape[-2:]))


def mean(each: Tensor, shares: Tensor) -> Tensor:
    """Of values (N, 1, h, w), each by its share (same shape): over the cells of all processes."""
    # a share may be as small as a pixel's of a crop, and nothing is 0, not a number
    return (each * shares).sum() / averaged(shares.sum()).clamp(min=1e-9)


def judged(
    discriminator: Judge,
    seen: Seen,
    side: float,
    local: Tensor | None = None,
    square: bool = False,
) -> tuple[Tensor, Tensor]:
    """A discriminator's loss on what is to be `side`, 1 or 0, and its share of right answers.

    Means over what is no padding: a cell counts as much of its place is. Binary cross-entropy of
    its logits or, if `square`, the squared error (LSGAN). `local` (N, 1, H, W) multiplies the loss
    of each place, to which the logits are then upsampled.
    """
    found = discriminator(seen.maps)
    right = (found > (0.5 if square else 0.0)).float()
    correct = mean(right if side else 1 - right, seen.shares(found))
    if local is not None:
        found = F.interpolate(found, local.shape[-2:], mode="bilinear")
    aim = torch.full_like(found, side)
    kind = F.mse_loss if square else F.binary_cross_entropy_with_logits
    each = kind(found, aim, reduction="none")
    return mean(each if local is None else each * local, seen.shares(each)), correct.detach()


@dataclass(frozen=True)
class Level:
    """What one discriminator sees of both sides, and how much its judgement weighs."""

    discriminator: Judge
    resembled: Seen
    other: Seen
    weight: float
    name: str = ""  # of its terms and its group: "adversarial_aux"
    local: Tensor | None = None  # of `other`, see judged
    square: bool = False

    def fooled(self) -> Tensor:
        """The network's loss: the other side taken for the resembled one."""
        loss, _ = judged(self.discriminator, self.other, 1.0, self.local, self.square)
        return self.weight * loss

    def opposed(self) -> Tensor:
        """The network's loss in a minimax: what the discriminator minimises, turned round.

        It moves both sides, and little where the discriminator is sure: `fooled` moves most there.
        """
        one, _ = judged(self.discriminator, self.resembled, 1.0, square=self.square)
        other, _ = judged(self.discriminator, self.other, 0.0, self.local, self.square)
        return -self.weight * (one + other) / 2

    def told(self) -> Loss:
        """The discriminator's: half of each side, as ADVENT does; and the share it tells right."""
        local = None if self.local is None else self.local.detach()
        judge, square = self.discriminator, self.square
        one, right = judged(judge, self.resembled.detach(), 1.0, square=square)
        other, told = judged(judge, self.other.detach(), 0.0, local, square)
        seen = {f"accuracy{self.name}": (right + told) / 2}
        return Loss({f"told{self.name}": (one + other) / 2}, f"discriminator{self.name}", seen)


def align(*levels: Level, more: Mapping[str, Tensor] | None = None) -> Iterator[Loss]:
    """The network's step towards the resembled side, then each discriminator's.

    Terms `adversarial` of each level with `more` of the same graph, then its `told`.
    """
    terms = {f"adversarial{level.name}": level.fooled() for level in levels}
    yield Loss({**terms, **(more or {})})
    for level in levels:
        yield level.told()
