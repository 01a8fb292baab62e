"""A discriminator on maps of predictions, and the two losses between it and the network.

One convention in all of the project: the side that is to be resembled (the source, or the easy
images) is 1, the other 0. ADVENT's code has it the other way round, which changes nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.losses import self_information
from pipeline.model import Outputs
from pipeline.samples import BadInput
from pipeline.training import Loss

_SMALLEST = 32  # five halvings leave a cell


class Discriminator(nn.Sequential):
    """Maps (N, C, H, W) to logits (N, 1, h, w) of stride 32: ADVENT's and AdaptSegNet's.

    Five convolutions of 4 x 4 with stride 2, no normalisation, leaky ReLU of 0.2 between.
    """

    def __init__(self, channels: int, width: int = 64) -> None:
        sizes = (channels, width, 2 * width, 4 * width, 8 * width)
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2)]
        super().__init__(*layers, nn.Conv2d(sizes[-1], 1, 4, 2, 1))


def judged(discriminator: nn.Module, maps: Tensor, side: float) -> Tensor:
    """Binary cross-entropy of the discriminator's logits with `side`, 1 or 0, everywhere."""
    found = discriminator(maps)
    return F.binary_cross_entropy_with_logits(found, torch.full_like(found, side))


def maps(outputs: Outputs, size: torch.Size) -> Tensor:
    """Weighted self-information of the logits, upsampled to `size` as in ADVENT.

    Raises BadInput where the crop is too small for the discriminator.
    """
    if min(size) < _SMALLEST:
        raise BadInput(
            f"training.augment: a crop of {size[1]}x{size[0]} is too small for the discriminator; "
            f"make both sides {_SMALLEST} or more"
        )
    return self_information(F.interpolate(outputs.logits.float(), size, mode="bilinear"))


def align(
    discriminator: nn.Module, resembled: Tensor, other: Tensor, weight: float
) -> Iterator[Loss]:
    """The network's step towards `resembled`, then the discriminator's: maps (N, C, H, W).

    Terms `adversarial` (times `weight`), and `told`, half of each side as ADVENT does.
    """
    yield Loss({"adversarial": weight * judged(discriminator, other, 1.0)})
    sides = ((resembled.detach(), 1.0), (other.detach(), 0.0))
    told = torch.stack([judged(discriminator, each, side) for each, side in sides]).mean()
    yield Loss({"told": told}, "discriminator")
