"""Source classes pasted onto target crops, and crops with hidden blocks: drawn as crops are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms import v2

from pipeline.domain.augment import drawn_by, within
from pipeline.domain.batches import Batch, Labelled
from pipeline.domain.taxonomy import IGNORE
from pipeline.domain.views import Mask, Mix

Colour = tuple[int, int, int]
_TAPS = 9  # of the blur: at its widest, 1.15, no more than 1e-3 of the Gaussian is left out


class Mixing:
    """A batch's `mixed` side and, if there is a `mask`, its `masked` side.

    Both have the target's windows and are coloured anew, each by draws of its own; a hidden block
    has the colour `fill` (RGB).
    """

    def __init__(self, mix: Mix, mask: Mask | None = None, fill: Colour = (124, 116, 104)) -> None:
        self.mix, self.mask = mix, mask
        self.fill = torch.tensor(fill, dtype=torch.uint8).view(3, 1, 1)
        self.strong = v2.Compose(_strong(mix))

    def __call__(self, batch: Batch, seed: int, step: int, positions: Sequence[int]) -> Batch:
        """`positions`: the batch's that are of this process; each is a key of its own."""
        assert batch.source is not None
        assert batch.target is not None
        mixed, masked = (
            [(seed, Batch._fields.index(side), step, position) for position in positions]
            for side in ("mixed", "masked")
        )
        found = batch._replace(mixed=self._mixed(batch.source, batch.target, mixed))
        if self.mask is None:
            return found
        return found._replace(masked=self._masked(batch.target, self.mask, masked))

    def _mixed(
        self, source: Labelled, target: Labelled, keys: Sequence[tuple[int, ...]]
    ) -> Labelled:
        images, masks = [], []
        for one, other, label, key in zip(
            source.images, target.images, source.labels, keys, strict=True
        ):
            with drawn_by(key):
                mask = pasted(label, self.mix.share)
                images.append(self.strong(torch.where(mask, one, other)))
            masks.append(mask)
        both = torch.stack(masks)
        labels = torch.where(both, source.labels, target.labels)
        return _of(target, torch.stack(images), labels)._replace(pasted=both)

    def _masked(self, target: Labelled, mask: Mask, keys: Sequence[tuple[int, ...]]) -> Labelled:
        images = []
        for image, key in zip(target.images, keys, strict=True):
            with drawn_by(key):
                strong = self.strong(image)
                images.append(torch.where(hidden(image.shape[-2:], mask), self.fill, strong))
        return _of(target, torch.stack(images), target.labels)


def _of(target: Labelled, images: Tensor, labels: Tensor) -> Labelled:
    return Labelled(images, labels, target.names, target.windows, target.origins)


def pasted(label: Tensor, share: float) -> Tensor:
    """bool (H, W): the pixels of a drawn `share`, rounded up, of the classes of a label (H, W).

    IGNORE is no class, so that neither it nor a crop's padding is pasted; in DACS's code it is one.
    """
    held = torch.bincount(label.flatten(), minlength=IGNORE)[:IGNORE].nonzero()[:, 0]
    count = math.ceil(len(held) * share - 1e-9)
    chosen = torch.zeros(IGNORE + 1, dtype=torch.bool)
    chosen[held[torch.randperm(len(held))[:count]]] = True
    return chosen[label]


def hidden(size: torch.Size, mask: Mask) -> Tensor:
    """bool (H, W) of `size`: blocks of a grid of about `mask.size` pixels, each by its own draw."""
    cells = [max(1, round(side / mask.size)) for side in size]
    covered = (torch.rand(1, 1, *cells) < mask.ratio).float()
    return F.interpolate(covered, size=size, mode="nearest")[0, 0] > 0


def _strong(mix: Mix) -> list[v2.Transform]:
    c = mix.colour
    steps: list[v2.Transform] = [v2.Identity()]
    if c and mix.chance:
        steps.append(v2.RandomApply([v2.ColorJitter(c, c, c, c)], mix.chance))
    if mix.blur:
        steps.append(v2.RandomApply([v2.Lambda(_blurred)], mix.blur))
    return steps


def _blurred(image: Tensor) -> Tensor:
    """By a Gaussian of a drawn sigma, in two passes: torchvision's one takes longer."""
    sigma = [0.15 + float(torch.rand(()))] * 2
    high, wide = (within(_TAPS, side) for side in image.shape[-2:])
    once = v2.functional.gaussian_blur(image.float(), [wide, 1], sigma)
    found: Tensor = v2.functional.gaussian_blur(once, [1, high], sigma).round().to(torch.uint8)
    return found
