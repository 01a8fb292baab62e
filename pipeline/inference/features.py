"""What a network sees in whole images: pooled features, to compare sets of images by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipeline.model.backbone_names import Pretrained
from pipeline.model.backbones import dilated
from pipeline.model.model import Mean, Model
from pipeline.model.stages import Normalised
from pipeline.runtime.files import BadInput

_STRIDE = 16


class Pooled(NamedTuple):
    """Of images, float32: what is near the pixels, and what is far from them."""

    first: Tensor  # (N, 2 F): mean and deviation of each channel
    last: Tensor  # (N, F'): mean of each channel


class OfModel(nn.Module):
    """Of a model of this project: its first convolution, and what its classifier reads.

    Raises BadInput for a mean of two models, which is no network.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        if isinstance(model, Mean):
            raise BadInput(
                "features are one network's, and this model is a mean of two; name one of them as "
                "evaluate_translation.model, or a backbone as its features"
            )
        self.model = model
        convolutions = (part for part in model.network.modules() if isinstance(part, nn.Conv2d))
        self._first = [next(convolutions)]  # in a list, as the model holds it already

    def forward(self, images: Tensor) -> Pooled:
        """uint8 images (N, 3, H, W) RGB."""
        seen: list[Tensor] = []
        hook = self._first[0].register_forward_hook(lambda _, __, found: seen.append(found))
        try:
            last = self.model(images).features
        finally:
            hook.remove()
        return pooled(seen[0], last)


class OfBackbone(nn.Module):
    """Of a backbone with the weights that are named: at stride 4, and its last."""

    def __init__(self, backbone: str, pretrained: Pretrained) -> None:
        super().__init__()
        body, _ = dilated(backbone, _STRIDE, pretrained, ("low", "out"))
        self.body = Normalised(body)

    def forward(self, images: Tensor) -> Pooled:
        """uint8 images (N, 3, H, W) RGB."""
        maps = self.body(images)
        return pooled(maps["low"], maps["out"])


def pooled(first: Tensor, last: Tensor) -> Pooled:
    """Of maps (N, F, h, w) and (N, F', h', w')."""
    near = first.float().flatten(2)
    means, deviations = near.mean(2), near.std(2, correction=0)
    return Pooled(torch.cat([means, deviations], 1), last.float().mean((2, 3)))


@torch.inference_mode()
def of_all(network: nn.Module, batches: Iterable[Tensor]) -> Pooled:
    """`network` is one of these, `batches` uint8 (N, 3, H, W) on its device; found on the CPU."""
    found = [network(images) for images in batches]
    return Pooled(*(torch.cat([each.cpu() for each in part]) for part in zip(*found, strict=True)))
