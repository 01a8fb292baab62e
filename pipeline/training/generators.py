"""What makes an image of an image: a residual generator."""

from __future__ import annotations

from itertools import pairwise

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.runtime.params import Section
from pipeline.runtime.parts import Width

_DEVIATION = 0.02


class Networks(Section):
    """Sizes of a translator's networks; the defaults are CycleGAN's for images of 256 pixels."""

    width: Width = 64  # channels of the generator's first convolution
    blocks: int = Field(default=9, ge=1, le=64)  # residual ones; CycleGAN has 6 at 128 pixels
    discriminator: Width = 64  # channels of its first convolution
    layers: int = Field(default=3, ge=1, le=6)  # strided ones: 3 see 70 pixels, 2 see 34
    residual: bool = False  # the generator makes a change of its image, of nothing at first

    @property
    def step(self) -> int:
        """Pixels from one cell of a discriminator to the next."""
        return 1 << self.layers

    @property
    def smallest(self) -> int:
        """Pixels of an image's sides of which a discriminator and a generator make something."""
        return max(3 * self.step, 8)

    def generator(self, numbers: int = 0) -> Generator:
        """A new one of this size, which takes so many numbers beside an image."""
        return Generator(self.width, self.blocks, numbers, self.residual)


USUAL = Networks()


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        first = _convolved(width, width, nn.ReflectionPad2d(1), 3)
        other = nn.Conv2d(width, width, 3)
        self.layers = nn.Sequential(first, nn.ReflectionPad2d(1), other, nn.InstanceNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.layers(x)
        return x + changed


class Generator(nn.Module):
    """Images float (N, 3, H, W) in [-1, 1] to images of the same size and range.

    CycleGAN's with residual blocks (Zhu et al., 2017, after Johnson et al., 2016), but that each
    of the two enlargements is by nearest neighbour before a convolution, which draws no
    chequerboard. Sides that 4 does not divide are mirrored a little beyond. There is instance norm
    without statistics of its own, so that training and use are the same. `numbers`: so many of an
    image, such as noise, scale and shift its channels before the blocks and before the last layer
    (Dumoulin et al., 2017): as constant channels of the input, instance norm would take them away.
    `residual`: what it makes is added to the image, and is 0 before any step, so that few steps
    are spent on what is to stay; not from a paper. `tapped`: the channels of each of `taps`.
    """

    def __init__(self, width: int, blocks: int, numbers: int = 0, residual: bool = False) -> None:
        super().__init__()
        self.residual = residual
        wide = (width, 2 * width, 4 * width)
        self.tapped = (3, *wide[1:], wide[-1], wide[-1])
        self.stem = _convolved(3, width, nn.ReflectionPad2d(3), 7)
        self.down = nn.ModuleList(
            _convolved(before, after, nn.Identity(), 3, 2, 1) for before, after in pairwise(wide)
        )
        self.blocks = nn.ModuleList(_Block(wide[-1]) for _ in range(blocks))
        self.up = nn.Sequential(
            *(_convolved(before, after, nn.Upsample(scale_factor=2), 3, 1, 1)
              for before, after in pairwise(wide[::-1]))
        )  # fmt: skip
        last = nn.Conv2d(width, 3, 7)
        self.head = nn.Sequential(nn.ReflectionPad2d(3), last, nn.Tanh())
        given = (nn.Linear(numbers, 2 * channels) for channels in (wide[-1], width))
        self.given = nn.ModuleList(given if numbers else ())
        drawn(self)
        if residual:
            nn.init.zeros_(last.weight)

    def taps(self, images: Tensor) -> list[Tensor]:
        """What CUT compares: the image, both strided layers, the first and the middle block."""
        found, x = [images], self.stem(_padded(images))
        for layer in self.down:
            found.append(x := layer(x))
        middle = len(self.blocks) // 2
        for block in self.blocks[: middle + 1]:
            x = block(x)
            found = found if len(found) > len(self.down) + 1 else [*found, x]
        return [*found, x]

    def forward(self, images: Tensor, numbers: Tensor | None = None) -> Tensor:
        """As it looks in the other domain, of the size that it had; `numbers` are (N, numbers)."""
        x = self.stem(_padded(images))
        for layer in self.down:
            x = layer(x)
        x = self._told(x, 0, numbers)
        for block in self.blocks:
            x = block(x)
        made: Tensor = self.head(self._told(self.up(x), 1, numbers))
        made = made[..., : images.shape[-2], : images.shape[-1]]
        return (images + made).clamp(-1, 1) if self.residual else made

    def _told(self, x: Tensor, at: int, numbers: Tensor | None) -> Tensor:
        if numbers is None:
            return x
        scale, shift = self.given[at](numbers)[:, :, None, None].chunk(2, 1)
        told: Tensor = x * (1 + scale) + shift
        return told


def drawn(module: nn.Module) -> None:
    """Weights of convolutions and linear layers as CycleGAN draws them: N(0, 0.02), biases 0."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            nn.init.normal_(part.weight, 0.0, _DEVIATION)
            assert part.bias is not None
            nn.init.zeros_(part.bias)


def _convolved(
    before: int, after: int, first: nn.Module, kernel: int, stride: int = 1, padding: int = 0
) -> nn.Sequential:
    layer = nn.Conv2d(before, after, kernel, stride, padding)
    return nn.Sequential(first, layer, nn.InstanceNorm2d(after), nn.ReLU())


def _padded(images: Tensor) -> Tensor:
    """Up to sides that 4 divides."""
    height, width = images.shape[-2:]
    return F.pad(images, (0, -width % 4, 0, -height % 4), mode="reflect")
