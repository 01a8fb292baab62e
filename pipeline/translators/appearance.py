"""Appearance adaptation: an image that keeps what it shows, with the target's correlations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from pipeline.domain.pixels import Mask, Pixels
from pipeline.model.model import Model
from pipeline.runtime.parts import Weight
from pipeline.translation.colour import Doubles, Floats
from pipeline.translation.extractors import Extractor, built, covered, gram
from pipeline.translation.references import Measured

_SEEDS = 1 << 24
"""Of the noise: a float32 tells so many whole numbers apart."""


class Translator(Measured):
    """FCAN's appearance adaptation network, AAN (Zhang et al., CVPR 2018): an image is optimised.

    It minimises sum_l |M_l - M_l(source image)|^2 + `alpha` sum_l |G_l - G_l(reference)|^2, where
    M_l are maps of the `extractor`, a backbone or layers of the `segmenter`, and G_l = M_l M_l'
    their Gram matrices, sums over all places that nothing divides: so small is the paper's alpha,
    and it fits images of one size and one extractor alone. The paper's reference is the mean over
    all target images (`references: mean`). It starts from white noise and takes 1,000 `iterations`,
    x - w g / |g| with w falling linearly from `step` to 0, g the gradient and |g| its mean absolute
    value: w is what a value of 0 to 255 moves in the mean. The paper prints a sum, by which noise
    would hardly move. `start: image` is cheap and not from the paper, and neither are equal weights
    of layers, nor squares (of distances that are not squared its alpha would weigh nothing). On the
    CPU, one thread an image.
    """

    varies = True  # by the noise

    def __init__(
        self,
        segmenter: Model | None = None,
        extractor: Extractor = None,
        start: Literal["noise", "image"] = "noise",
        iterations: Annotated[int, Field(ge=1)] = 1000,
        step: Annotated[float, Field(gt=0)] = 10.0,
        alpha: Weight = 1e-14,
    ) -> None:
        self.extractor, self.start = built(extractor, segmenter), start
        self.iterations, self.step, self.alpha = iterations, step, alpha

    @staticmethod
    def asks(options: Mapping[str, object]) -> bool:
        """Whether it needs a segmenter: without a backbone."""
        extractor = options.get("extractor")
        return not (isinstance(extractor, Mapping) and "backbone" in extractor)

    @torch.no_grad()
    def measure(self, image: Pixels, inside: Mask | None) -> Floats:
        """The upper triangles of one target image's Gram matrices, one after the other."""
        torch.set_num_threads(1)
        maps = self.extractor(_tensor(image))
        grams = [gram(each, covered(inside, each)) for each in maps]
        row: Floats = torch.cat([each[*_upper(len(each))] for each in grams]).numpy()
        return row

    def reference(self, rng: np.random.Generator) -> Floats:
        """(k + 1,): one of the target's rows, and the seed of the noise."""
        return np.append(super().reference(rng), np.float32(rng.integers(_SEEDS)))

    def translate(self, image: Pixels, inside: Mask | None, reference: Floats) -> Pixels:
        """uint8 (h, w, 3) rounded and clipped, outside as it was; of a row alone the seed is 0."""
        if inside is not None and not inside.any():
            return image.copy()
        torch.set_num_threads(1)  # of this thread: sums are the same on any number of cores
        given = _tensor(image)
        moves = torch.ones_like(given) * covered(inside, given)
        with torch.no_grad():
            kept = self.extractor(given)
        grams, rest = _grams(reference, kept)
        wanted = Wanted(kept, grams, [covered(inside, each) for each in kept])
        x = given.clone()
        if self.start == "noise":
            noise = np.random.default_rng(int(rest.sum())).uniform(0, 255, image.shape)
            x = torch.where(moves > 0, _tensor(noise), given)
        for iteration in range(self.iterations):
            gradient = moves * self.gradient(x, wanted)
            length = gradient.abs().sum() / moves.sum()
            if not length > 0:
                break
            left = 1 - iteration / self.iterations
            x = x - self.step * left * gradient / length
        made = x[0].movedim(0, -1).add(0.5).clamp(0, 255).to(torch.uint8)
        return np.ascontiguousarray(made.numpy())

    def gradient(self, x: Tensor, wanted: Wanted) -> Tensor:
        """Of what is minimised, at x (1, 3, h, w)."""
        x = x.detach().requires_grad_()
        total = torch.zeros(())
        for maps, kept, target, shares in zip(self.extractor(x), *wanted, strict=True):
            content = ((maps - kept).square() * shares).sum()
            total = total + content + self.alpha * (gram(maps, shares) - target).square().sum()
        return torch.autograd.grad(total, x)[0]


class Wanted(NamedTuple):
    """Of each map: what is kept of the image, the reference's Gram matrix, which places count."""

    maps: list[Tensor]
    grams: list[Tensor]
    shares: list[Tensor]


def _tensor(image: Pixels | Doubles) -> Tensor:
    """float32 (1, 3, h, w)."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1), np.float32))[None]


def _upper(channels: int) -> Tensor:
    return torch.triu_indices(channels, channels)


def _grams(reference: Floats, maps: Sequence[Tensor]) -> tuple[list[Tensor], Floats]:
    """A row of `measure` as matrices (F, F) again, and what follows them."""
    found, start = [], 0
    for channels in (each.shape[1] for each in maps):
        places = _upper(channels)
        end = start + places.shape[1]
        made = torch.zeros(channels, channels)
        made[*places] = made[*places.flip(0)] = torch.from_numpy(reference[start:end].copy())
        found.append(made)
        start = end
    return found, reference[start:]
