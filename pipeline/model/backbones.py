"""Backbones at an output stride, without their classifier, with weights by name; torchvision's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import models
from torchvision.models import vgg
from torchvision.models._api import WeightsEnum
from torchvision.models._utils import IntermediateLayerGetter

from pipeline.domain.windows import WHOLE, Window
from pipeline.model.backbone_names import PREFIX, Pretrained
from pipeline.model.outputs import Outputs, Over, covers
from pipeline.model.timm_backbones import Timm
from pipeline.runtime.files import BadInput

Stride = Literal[8, 16]

_WHOLE = 32
"""The last map's stride where no stride becomes a dilation."""

ASPP = {8: (12, 24, 36), 16: (6, 12, 18)}
"""DeepLabV3's dilations at each output stride (Chen et al., 2017, section 4.1)."""

_RESNET = {"low": ("layer1", 256), "aux": ("layer3", 1024), "out": ("layer4", 2048)}
_MOBILENET = {"low": ("3", 24), "aux": ("4", 40), "out": ("16", 960)}


def weights(name: str, pretrained: Pretrained) -> Any:
    """torchvision's weights of a network: None, or one of its names ("DEFAULT"), downloaded.

    Raises BadInput that lists the names, or says where to put a file that cannot be had.
    """
    if pretrained is None:
        return None
    known = models.get_model_weights(name)
    if pretrained not in known.__members__:
        choices = ", ".join(known.__members__)
        raise BadInput(f"pretrained={pretrained!r}: {name} has no such weights; choose {choices}")
    _fetch(known[pretrained], str(pretrained))
    return known[pretrained]


def _fetch(chosen: WeightsEnum, name: str) -> None:
    """The file of weights, into torch's folder for them, unless it is there."""
    file = Path(torch.hub.get_dir(), "checkpoints", Path(urlsplit(chosen.url).path).name)
    if file.exists():
        return
    try:
        chosen.get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError) as error:  # no internet, or another file than was promised
        raise BadInput(
            f"pretrained={name!r}: {chosen.url} cannot be downloaded ({error}); fetch it where "
            f"there is internet, and put it here as {file}"
        ) from error


def dilated(
    name: str, stride: int, pretrained: Pretrained, maps: Iterable[str]
) -> tuple[Dilated | Timm, dict[str, int]]:
    """(N, 3, H, W) -> {map: (N, F, h, w)}, and each map's F.

    `maps` are of "low" (stride 4), "aux" (ResNet: layer 3; MobileNetV3: stride 8; timm: the last
    but one) and "out", whose stride is `stride`: later strides become dilations. The module's
    `over(maps, images)` says what each covers.
    """
    if name.startswith(PREFIX):
        backbone = Timm(name, stride, pretrained, maps)
        return backbone, backbone.channels
    known = _MOBILENET if name == "mobilenet" else _RESNET
    body = _mobilenet(stride, pretrained) if name == "mobilenet" else _resnet(
        name, stride, pretrained
    )  # fmt: skip
    layers = {known[key][0]: key for key in maps}
    steps = {"low": 4, "aux": 8 if name == "mobilenet" else stride, "out": stride}
    return Dilated(body, layers, steps), {key: known[key][1] for key in maps}


class Dilated(IntermediateLayerGetter):  # type: ignore[misc]  # torchvision has no types
    """torchvision's backbone, as `dilated` makes it."""

    def __init__(self, body: nn.Module, layers: dict[str, str], steps: dict[str, int]) -> None:
        super().__init__(body, layers)
        self.steps = steps

    def over(self, maps: Mapping[str, Tensor], images: Tensor) -> dict[str, Window]:
        """What each of its maps covers of the images."""
        return {key: covers(found, images, self.steps[key]) for key, found in maps.items()}


def _resnet(name: str, stride: int, pretrained: Pretrained) -> Any:
    return models.get_model(
        name,
        weights=weights(name, pretrained),
        replace_stride_with_dilation=[False, stride < max(ASPP), stride < _WHOLE],
    )


def _mobilenet(stride: int, pretrained: Pretrained) -> Any:
    name = "mobilenet_v3_large"
    kept = {"weights": weights(name, pretrained), "dilated": stride < _WHOLE}
    body = models.get_model(name, **kept).features
    if stride < max(ASPP):  # torchvision's is at 16; its seventh block takes it there
        for layer in body[7:].modules():
            if isinstance(layer, nn.Conv2d) and layer.kernel_size > (1, 1):
                layer.stride = (1, 1)
                layer.dilation = tuple(2 * d for d in layer.dilation)
                layer.padding = tuple(2 * int(p) for p in layer.padding)
    return body


def vgg16(pretrained: str | None, norm: bool = False) -> nn.Sequential:
    """VGG-16's `features`: 13 convolutions, with batch norm if `norm`, and five poolings."""
    name = "vgg16_bn" if norm else "vgg16"
    features: nn.Sequential = vgg.make_layers(vgg.cfgs["D"], batch_norm=norm)
    for layer in features:
        if isinstance(layer, nn.Conv2d) and layer.bias is not None:
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    if pretrained is not None:
        state = weights(name, pretrained).get_state_dict(progress=True, check_hash=True)
        own = {k.removeprefix("features."): v for k, v in state.items() if "features." in k}
        features.load_state_dict(own)
    return features


class PooledNorm(nn.BatchNorm2d):
    """Batch norm after a pooled image: one image alone has no variance, so its running one counts.

    torchvision's refuses such a batch, which an objective that passes each side by itself makes.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, F, 1, 1) to the same shape."""
        if not self.training or x.numel() > x.shape[1]:
            return super().forward(x)
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias,
                            eps=self.eps)  # fmt: skip


def trains_on_one_image(aspp: Any) -> None:
    """Gives torchvision's ASPP a norm after its pooling that one image by itself can pass."""
    pooling = aspp.convs[-1]
    place = next(i for i, part in enumerate(pooling) if isinstance(part, nn.BatchNorm2d))
    pooling[place] = PooledNorm(pooling[place].num_features)


def torchvision_outputs(body: Any, x: Tensor) -> Outputs:
    """Outputs of a torchvision segmentation model, on its own grid: it would upsample them.

    Its backbone is one of `dilated`.
    """
    maps = body.backbone(x)
    over = body.backbone.over(maps, x)
    aux = body.aux_classifier(maps["aux"]) if body.aux_classifier is not None else None
    windows = Over(over["out"], over.get("aux", WHOLE), over["out"])
    return Outputs(body.classifier(maps["out"]), aux, maps["out"], over=windows)
