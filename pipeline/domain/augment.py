"""Flip, scale, crop and colour, each drawn anew from a key: the same key, the same pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from pipeline.domain.pixels import Pixels
from pipeline.domain.taxonomy import IGNORE
from pipeline.domain.views import AugmentParams, View

_TAPS = 5  # of the blur


@contextmanager
def drawn_by(key: tuple[int, ...]) -> Iterator[None]:
    """torch's draws on the CPU follow from `key` alone; the caller's generator is left alone."""
    seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


class Augment:
    """uint8 image (h, w, 3) and label (h, w) -> a View of them."""

    def __init__(self, params: AugmentParams) -> None:
        self.params = params
        self.colour = v2.Compose(_colour(params))
        crop = (params.crop_height, params.crop_width)
        fill = {tv_tensors.Image: 0, tv_tensors.Mask: IGNORE}
        self.crop = v2.RandomCrop(crop, pad_if_needed=True, fill=fill)

    def __call__(
        self, image: Pixels, label: Pixels, key: tuple[int, ...], rare: Sequence[int] = ()
    ) -> View:
        """`key` alone decides what is drawn: (seed, step, position) for a training sample.

        With the chance `mine` the crop's centre is a pixel of one of the classes `rare`, drawn
        from those that the label holds; it is moved to lie inside the image.
        """
        with drawn_by(key):
            x = tv_tensors.Image(torch.from_numpy(np.array(image)).permute(2, 0, 1))
            y = tv_tensors.Mask(torch.from_numpy(np.array(label)))
            low, high = self.params.scale
            x, y = _scaled(x, y, low + (high - low) * float(torch.rand(())))
            x, y, window = self._cropped(x, y, rare)
            if torch.rand(1) < self.params.flip:
                x, y, window = x.flip(-1), y.flip(-1), window[[2, 1, 0, 3]]
            return View(self.colour(x).as_subclass(Tensor), y.as_subclass(Tensor), window)

    def _cropped(self, x: Tensor, y: Tensor, rare: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Both cropped at the same place, and the window."""
        height, width = y.shape[-2:]
        drawn = self.crop.make_params([x, y])
        left, top, _, _ = drawn["padding"] if drawn["needs_pad"] else (0, 0, 0, 0)
        if rare and self.params.mine and torch.rand(()) < self.params.mine:
            _centre(drawn, y, rare, (left, top))
        x, y = (self.crop.transform(each, drawn) for each in (x, y))
        x0, y0 = drawn["left"] - left, drawn["top"] - top
        ends = (x0 / width, y0 / height, (x0 + y.shape[-1]) / width, (y0 + y.shape[-2]) / height)
        return x, y, torch.tensor(ends)


def _centre(drawn: dict[str, Any], label: Tensor, rare: Sequence[int], at: tuple[int, int]) -> None:
    """Moves a drawn crop around a pixel of a class of `rare`, if there is any."""
    held = [c for c in rare if (label == c).any()]
    if not held:
        return
    chosen = held[int(torch.randint(len(held), ()))]
    places = (label.as_subclass(Tensor) == chosen).nonzero()
    row, column = places[int(torch.randint(len(places), ()))].tolist()
    for key, size, centre, side, pad in (
        ("top", "height", row, label.shape[-2], at[1]),
        ("left", "width", column, label.shape[-1], at[0]),
    ):
        if drawn["needs_crop"]:
            last = max(side + 2 * pad - drawn[size], 0)
            drawn[key] = min(max(centre + pad - drawn[size] // 2, 0), last)


def _scaled(image: Tensor, label: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Both with half-pixel centres; v2.Resize would move a label by half a pixel of the result."""
    if scale == 1:
        return image, label
    size = [round(side * scale) for side in label.shape]
    nearest = v2.InterpolationMode.NEAREST_EXACT
    resized = v2.functional.resize_image(label.as_subclass(Tensor)[None], size, nearest)[0]
    return v2.functional.resize(image, size, antialias=True), tv_tensors.Mask(resized)


def within(taps: int, side: int) -> int:
    """So many taps of a blur, or as many as reach no further than an image's mirrored side."""
    return min(taps, 2 * side - 1)


def _colour(params: AugmentParams) -> list[v2.Transform]:
    c = params.colour
    steps: list[v2.Transform] = [v2.Identity()]
    if c:
        steps.append(v2.ColorJitter(c, c, c, min(c / 4, 0.5)))
    if params.blur:
        taps = [within(_TAPS, side) for side in (params.crop_width, params.crop_height)]
        steps.append(v2.RandomApply([v2.GaussianBlur(taps, (0.3, 1.2))], params.blur))
    return steps
