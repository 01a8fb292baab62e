"""What tells two domains apart: maps or features to logits, 1 for the side to be resembled."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.runtime.files import BadInput
from pipeline.training.generators import drawn

SMALLEST = 32
"""Pixels of a map's sides: Discriminator's five halvings then leave a cell."""

NO_FEATURES = "the network gives no features to align; choose another network"


class Discriminator(nn.Sequential):
    """Maps (N, C, H, W) to logits (N, 1, h, w) of stride 32: AdaptSegNet's, ADVENT's and CLAN's.

    Five convolutions of 4 x 4 with stride 2, no normalisation, leaky ReLU of 0.2 between.
    """

    def __init__(self, channels: int, width: int = 64) -> None:
        sizes = (channels, width, 2 * width, 4 * width, 8 * width)
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2)]
        super().__init__(*layers, nn.Conv2d(sizes[-1], 1, 4, 2, 1))


class PatchDiscriminator(nn.Sequential):
    """Images (N, 3, H, W) to (N, outputs, h, w), of patches (Isola et al., PatchGAN, 2017).

    `layers` convolutions of 4 x 4 with stride 2 and two with stride 1, leaky ReLU of 0.2, instance
    norm but on the first. A cell (i, j) is centred on the square of 2^layers pixels from
    2^layers (i + 1), 2^layers (j + 1) on; three layers see 70 pixels, two see 34.
    """

    def __init__(self, width: int = 64, layers: int = 3, outputs: int = 1) -> None:
        sizes = [min(2**n, 8) * width for n in range(layers + 1)]
        parts: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for number, (before, after) in enumerate(pairwise(sizes), 2):
            stride = 2 if number <= layers else 1
            parts += [nn.Conv2d(before, after, 4, stride, 1), nn.InstanceNorm2d(after)]
            parts.append(nn.LeakyReLU(0.2))
        super().__init__(*parts, nn.Conv2d(sizes[-1], outputs, 4, 1, 1))
        drawn(self)


class PatchDiscriminators(nn.Module):
    """Images (N, 3, H, W) to (N, M, h, w), by a PatchDiscriminator of each of M sources."""

    def __init__(self, sources: int, width: int = 64, layers: int = 3) -> None:
        super().__init__()
        self.own = nn.ModuleList(PatchDiscriminator(width, layers) for _ in range(sources))

    def forward(self, x: Tensor) -> Tensor:
        """What each makes of all images."""
        return torch.cat([own(x) for own in self.own], 1)


class PixelDiscriminator(nn.Sequential):
    """Features (N, F, h, w) to logits (N, outputs, h, w), each cell by itself.

    Hoffman et al., 2016.
    """

    def __init__(self, channels: int, width: int = 128, outputs: int = 1) -> None:
        if not channels:
            raise BadInput(NO_FEATURES)
        super().__init__(
            nn.Conv2d(channels, width, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(width, width, 1), nn.LeakyReLU(0.2), nn.Conv2d(width, outputs, 1),
        )  # fmt: skip


class DroppingDiscriminator(nn.Sequential):
    """Scores or features (N, C, h, w) to logits (N, 1, h, w), each cell by itself, with dropout.

    CyCADA's for ADDA's step (Hoffman et al., 2018): convolutions of 1 x 1 with `width`, then half
    as many channels, of which `dropout` are left out in an image. One logit stands for its two,
    whose softmax is the same.
    """

    def __init__(self, channels: int, width: int = 512, dropout: float = 0.5) -> None:
        if not channels:
            raise BadInput(NO_FEATURES)
        half = max(1, width // 2)
        super().__init__(
            nn.Conv2d(channels, width, 1), nn.Dropout2d(dropout), nn.ReLU(),
            nn.Conv2d(width, half, 1), nn.Dropout2d(dropout), nn.ReLU(), nn.Conv2d(half, 1, 1),
        )  # fmt: skip


class DilatedDiscriminator(nn.Module):
    """Features (N, F, h, w) to logits (N, 1, h, w), by surroundings of several sizes at once.

    FCAN's (Zhang et al., CVPR 2018): `branches` parallel convolutions of 3 x 3, dilated by
    1, 2, 3 and so on, of `width` channels each, which a convolution of 1 x 1 joins. The leaky ReLU
    of 0.2 between is not from the paper.
    """

    def __init__(self, channels: int, branches: int = 4, width: int = 128) -> None:
        if not channels:
            raise BadInput(NO_FEATURES)
        super().__init__()
        rates = range(1, branches + 1)
        own = (nn.Conv2d(channels, width, 3, padding=rate, dilation=rate) for rate in rates)
        self.branches = nn.ModuleList(own)
        self.joined = nn.Conv2d(branches * width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """All branches, joined."""
        found = torch.cat([branch(x) for branch in self.branches], 1)
        logits: Tensor = self.joined(F.leaky_relu(found, 0.2))
        return logits


class RegionDiscriminator(nn.Module):
    """Features (N, F, h, w) to logits (N, 1, h, w), each region of a grid by its own discriminator.

    Chen et al., ROAD, 2018. Raises BadInput where a map has fewer cells than the grid.
    """

    def __init__(self, channels: int, rows: int = 3, columns: int = 3, width: int = 128) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns
        own = (PixelDiscriminator(channels, width) for _ in range(rows * columns))
        self.regions = nn.ModuleList(own)

    def forward(self, x: Tensor) -> Tensor:
        """Each region by its own discriminator."""
        if x.shape[-2] < self.rows or x.shape[-1] < self.columns:
            raise BadInput(
                f"training.augment: a crop whose features are {x.shape[-1]}x{x.shape[-2]} has no "
                f"{self.columns}x{self.rows} regions; make it larger"
            )
        strips = x.tensor_split(self.rows, 2)
        cells = [cell for strip in strips for cell in strip.tensor_split(self.columns, 3)]
        found = [own(cell) for own, cell in zip(self.regions, cells, strict=True)]
        lines = [found[i : i + self.columns] for i in range(0, len(found), self.columns)]
        return torch.cat([torch.cat(line, 3) for line in lines], 2)


class SourceDiscriminators(nn.Module):
    """Features (N, F, h, w) to logits (N, M, h, w): of each source, by a discriminator of its own.

    1 for its source, 0 for the target. Each is a PixelDiscriminator.
    """

    def __init__(self, channels: int, sources: int) -> None:
        super().__init__()
        own = (PixelDiscriminator(channels) for _ in range(sources))
        self.own = nn.ModuleList(own)

    def forward(self, x: Tensor) -> Tensor:
        """What each makes of all features."""
        return torch.cat([own(x) for own in self.own], 1)
