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
            low, high = self.params.scale
            x, y = self._geometry()(*_scaled(x, y, low + (high - low) * float(torch.rand(()))))
            return self.colour(x).as_subclass(Tensor), y.as_subclass(Tensor)

    def _geometry(self) -> v2.Transform:
        crop = (self.params.crop_height, self.params.crop_width)
        fill = {tv_tensors.Image: 0, tv_tensors.Mask: IGNORE}
        flip = v2.RandomHorizontalFlip(self.params.flip)
        return v2.Compose([v2.RandomCrop(crop, pad_if_needed=True, fill=fill), flip])


def _scaled(image: Tensor, label: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Both with half-pixel centres; v2.Resize would move a label by half a pixel of the result."""
    if scale == 1:
        return image, label
    size = [round(side * scale) for side in label.shape]
    nearest = v2.InterpolationMode.NEAREST_EXACT
    resized = v2.functional.resize_image(label.as_subclass(Tensor)[None], size, nearest)[0]
    return v2.functional.resize(image, size, antialias=True), tv_tensors.Mask(resized)


def _colour(params: AugmentParams) -> list[v2.Transform]:
    c = params.colour
    steps: list[v2.Transform] = [v2.Identity()]
    if c:
        steps.append(v2.ColorJitter(c, c, c, min(c / 4, 0.5)))
    if params.blur:
        steps.append(v2.RandomApply([v2.GaussianBlur(5, (0.3, 1.2))], params.blur))
    return steps
