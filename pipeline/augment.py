"""Flip, scale, crop and colour, each drawn anew from a key: the same key, the same pixels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from pipeline.params import Section
from pipeline.samples import Pixels
from pipeline.taxonomy import IGNORE


class AugmentParams(Section):
    """Scale is uniform in [low, high]; a crop larger than the image is padded with IGNORE."""

    crop_width: int
    crop_height: int
    scale: tuple[float, float] = (1.0, 1.0)
    flip: float = 0.5
    colour: float = 0.0  # strength of brightness, contrast and saturation; a quarter of it for hue
    blur: float = 0.0  # chance of a slight Gaussian blur


class Augment:
    """uint8 image (h, w, 3) and label (h, w) -> uint8 (3, H, W) and (H, W) of the crop's size."""

    def __init__(self, params: AugmentParams) -> None:
        self.params = params
        self.colour = v2.Compose(_colour(params))

    def __call__(self, image: Pixels, label: Pixels, key: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """`key` alone decides what is drawn: (seed, step, position) for a training sample."""
        seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            x = tv_tensors.Image(torch.from_numpy(np.array(image)).permute(2, 0, 1))
            y = tv_tensors.Mask(torch.from_numpy(np.array(label)))
            x, y = self._geometry(image.shape[0], image.shape[1])(x, y)
            return self.colour(x).as_subclass(Tensor), y.as_subclass(Tensor)

    def _geometry(self, height: int, width: int) -> v2.Transform:
        low, high = self.params.scale
        scale = low + (high - low) * float(torch.rand(()))
        steps: list[v2.Transform] = []
        if scale != 1:
            steps.append(v2.Resize((round(height * scale), round(width * scale)), antialias=True))
        crop = (self.params.crop_height, self.params.crop_width)
        fill = {tv_tensors.Image: 0, tv_tensors.Mask: IGNORE}
        steps.append(v2.RandomCrop(crop, pad_if_needed=True, fill=fill))
        steps.append(v2.RandomHorizontalFlip(self.params.flip))
        return v2.Compose(steps)


def _colour(params: AugmentParams) -> list[v2.Transform]:
    c = params.colour
    steps: list[v2.Transform] = [v2.Identity()]
    if c:
        steps.append(v2.ColorJitter(c, c, c, min(c / 4, 0.5)))
    if params.blur:
        steps.append(v2.RandomApply([v2.GaussianBlur(5, (0.3, 1.2))], params.blur))
    return steps
