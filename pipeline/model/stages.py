"""A backbone's maps of every stride, to compare images by: it is not trained here."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pipeline.model.backbone_names import Pretrained
from pipeline.model.backbones import dilated
from pipeline.model.recipe import wanted
from pipeline.model.timm_backbones import Timm

_COARSEST = 32


class Normalised(nn.Module):
    """Images (N, 3, H, W) RGB, of 0 to 255, to what `body` makes of them as its weights want."""

    mean: Tensor
    std: Tensor

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body, norm = body, wanted(body.modules())
        self.scale, self.bgr = norm.scale, norm.bgr
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(getattr(norm, name)).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> object:
        """What the body gives."""
        x = images.flip(1) if self.bgr else images
        return self.body((x * self.scale - self.mean) / self.std)


class Stages(nn.Module):
    """Images, normalised, to maps (N, F, h, w): the last of each stride, from 2 to 32.

    Of a ResNet these are its first ReLU's and its four layers'. Drawn weights are always the same.
    """

    def __init__(self, backbone: str, pretrained: Pretrained) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.body, _ = dilated(backbone, _COARSEST, pretrained, ("out",))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Its maps, the finest first."""
        maps: list[Tensor] = []
        for found in self._each(x):
            same = bool(maps) and found.shape[-2:] == maps[-1].shape[-2:]
            maps[-1 if same else len(maps) :] = [found]
        return maps

    def _each(self, x: Tensor) -> Iterable[Tensor]:
        if isinstance(self.body, Timm):
            yield from self.body.body(x)
            return
        for part in self.body.values():
            x = part(x)
            yield x
