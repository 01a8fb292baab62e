"""Images decoded from features, and what tells them from real ones of two domains."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.domain.batches import Labelled
from pipeline.domain.windows import Window
from pipeline.model.grids import resample
from pipeline.model.outputs import Outputs, covers
from pipeline.runtime.files import BadInput
from pipeline.training.adversarial import Seen, masked, mean
from pipeline.training.discriminators import NO_FEATURES
from pipeline.training.losses import cross_entropy

REAL, DECODED = 0, 1
"""What a patch is, beside the side that it is of."""

_STRIDE = 8


class Decoder(nn.Module):
    """Features (N, F, h, w) that cover `over` to images of `size`, float (N, 3, H, W) in -1 to 1.

    Three convolutions of 3 x 3 with instance norm, each cell doubled before the second and third;
    what is left to the image's size is bilinear. Dropout of whole channels is the noise.
    """

    def __init__(self, channels: int, width: int = 64, dropout: float = 0.5) -> None:
        if not channels:
            raise BadInput(NO_FEATURES)
        super().__init__()
        self.coarse = _block(channels, 2 * width, dropout)
        self.fine = _block(2 * width, width, dropout)
        self.colours = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x: Tensor, size: torch.Size, over: Window) -> Tensor:
        """Images, as the class says. Raises BadInput for a single cell, which has no deviation."""
        if x.shape[-2:].numel() == 1:
            raise BadInput(
                f"training.augment: a crop of {size[1]}x{size[0]}, whose features are one cell, is "
                "too small to be decoded; make it larger"
            )
        for block in (self.coarse, self.fine):
            x = F.interpolate(block(x), scale_factor=2.0)
        return resample(self.colours(x).float(), size, over).tanh()


def _block(inside: int, outside: int, dropout: float) -> nn.Module:
    convolution = nn.Conv2d(inside, outside, 3, padding=1, bias=False)  # the norm takes a bias away
    return nn.Sequential(convolution, nn.InstanceNorm2d(outside), nn.ReLU(), nn.Dropout2d(dropout))


class Judged(NamedTuple):
    """Of images, by patches of stride 8."""

    kinds: Tensor  # (N, 4, h, w): source or target, each real or decoded
    classes: Tensor  # (N, C, h, w)


class PatchDiscriminator(nn.Module):
    """Images (N, 3, H, W) in -1 to 1 to what each patch is: its side, real or decoded; its class.

    Three convolutions of 4 x 4 with stride 2, leaky ReLU of 0.2 after each; then one of 1 x 1 for
    the four kinds, and one for the classes.
    """

    def __init__(self, classes: int, width: int = 64) -> None:
        super().__init__()
        sizes = (3, width, 2 * width, 4 * width)
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers)
        self.kinds, self.classes = (nn.Conv2d(sizes[-1], n, 1) for n in (4, classes))

    def forward(self, images: Tensor) -> Judged:
        """Both, on one grid."""
        found = self.body(images)
        return Judged(self.kinds(found).float(), self.classes(found).float())


class Pair(NamedTuple):
    """The images of a side and what was decoded of them, 0 on padding."""

    real: Seen
    decoded: Seen


def paired(decoder: nn.Module, outputs: Outputs, side: Labelled, detached: bool = False) -> Pair:
    """A side's images, in -1 to 1, and those that the decoder makes of its features.

    `detached`: the network that made the features has no part in it.
    """
    assert outputs.features is not None
    features = outputs.features.detach() if detached else outputs.features
    over, size = outputs.over.features, side.images.shape[-2:]
    images = decoder(masked(features, side, over).maps, size, over)
    return Pair(masked(side.images / 127.5 - 1, side), masked(images, side))


def taken(judged: Judged, seen: Seen, kind: int) -> Tensor:
    """The mean cross-entropy of patches that are to be of a kind, 2 x side + REAL or DECODED."""
    aim = torch.full_like(judged.kinds[:, 0], kind, dtype=torch.int64)
    each = F.cross_entropy(judged.kinds, aim, reduction="none")[:, None]
    return mean(each, seen.shares(each))


def right(judged: Judged, seen: Seen, kind: int) -> Tensor:
    """The share of patches that are told to be of their kind."""
    each = (judged.kinds.detach().argmax(1, keepdim=True) == kind).float()
    return mean(each, seen.shares(each))


def read(judged: Judged, side: Labelled) -> Tensor:
    """The cross-entropy of the discriminator's classes on the side's labels."""
    over = covers(judged.classes, side.images, _STRIDE)
    return cross_entropy(judged.classes, side.labels, over=over)


def apart(pair: Pair) -> Tensor:
    """The mean absolute difference of decoded and real pixels, of colours in -1 to 1."""
    each = (pair.decoded.maps - pair.real.maps).abs().mean(1, keepdim=True)
    return mean(each, pair.real.shares(each))
