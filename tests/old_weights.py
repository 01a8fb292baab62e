"""Checkpoints of public code, fabricated: names and shapes, and what their networks compute."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]
LAYERS = {1: (3, 64, 1, 1), 2: (4, 128, 2, 1), 3: (23, 256, 1, 2), 4: (3, 512, 1, 4)}
"""Blocks, channels, stride and dilation of ResNet-101's layers."""

DILATIONS = (6, 12, 18, 24)
VGG = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 512, 512, 512)
"""Channels of the convolutions of AdaptSegNet's VGG-16, 0 for a pooling."""


def convolution(name: str, outside: int, inside: int, kernel: int, bias: bool = False) -> State:
    scale = (2 / (inside * kernel**2)) ** 0.5
    made = {f"{name}.weight": torch.randn(outside, inside, kernel, kernel) * scale}
    return made | ({f"{name}.bias": torch.randn(outside) * 0.1} if bias else {})


def norm(name: str, channels: int) -> State:
    """As torch 0.3 saved it: without `num_batches_tracked`."""
    return {
        f"{name}.weight": torch.rand(channels) + 0.2,
        f"{name}.bias": torch.randn(channels) * 0.1,
        f"{name}.running_mean": torch.randn(channels) * 0.1,
        f"{name}.running_var": torch.rand(channels) + 0.5,
    }


def classifier(name: str, inside: int, classes: int) -> State:
    parts = (convolution(f"{name}.conv2d_list.{i}", classes, inside, 3, True) for i in range(4))
    return {key: value for part in parts for key, value in part.items()}


def resnet() -> State:
    """Without a classifier; `layer1.0.conv1.weight` and so on."""
    return dict(_resnet())


def _resnet() -> Iterator[tuple[str, Tensor]]:
    yield from (convolution("conv1", 64, 3, 7) | norm("bn1", 64)).items()
    inside = 64
    for layer, (blocks, width, _, _) in LAYERS.items():
        for block in range(blocks):
            name = f"layer{layer}.{block}"
            sizes = ((1, width, inside, 1), (2, width, width, 3), (3, 4 * width, width, 1))
            for number, outside, within, kernel in sizes:
                yield from convolution(f"{name}.conv{number}", outside, within, kernel).items()
                yield from norm(f"{name}.bn{number}", outside).items()
            if block == 0:
                yield from convolution(f"{name}.downsample.0", 4 * width, inside, 1).items()
                yield from norm(f"{name}.downsample.1", 4 * width).items()
            inside = 4 * width


def resnet_maps(state: State, x: Tensor) -> tuple[Tensor, Tensor]:
    """Layer 3 and layer 4 of the ResNet that AdaptSegNet, ADVENT and CRST share."""

    def seen(conv: str, bn: str, x: Tensor, stride: int, dilation: int = 1) -> Tensor:
        weight = state[f"{conv}.weight"]
        padding = dilation * (weight.shape[-1] // 2)
        x = F.conv2d(x, weight, None, stride, padding, dilation)
        return F.batch_norm(
            x, *(state[f"{bn}.{key}"] for key in ("running_mean", "running_var", "weight", "bias"))
        )

    x = F.max_pool2d(seen("conv1", "bn1", x, 2).relu(), 3, 2, 1, ceil_mode=True)
    maps = []
    for layer, (blocks, _, strides, dilation) in LAYERS.items():
        for block in range(blocks):
            name, stride = f"layer{layer}.{block}", strides if block == 0 else 1
            y = seen(f"{name}.conv1", f"{name}.bn1", x, stride).relu()
            y = seen(f"{name}.conv2", f"{name}.bn2", y, 1, dilation).relu()
            y = seen(f"{name}.conv3", f"{name}.bn3", y, 1)
            down = f"{name}.downsample"
            x = seen(f"{down}.0", f"{down}.1", x, stride) if block == 0 else x
            x = (x + y).relu()
        maps.append(x)
    return maps[2], maps[3]


def vgg16(classes: int) -> State:
    """AdaptSegNet's, of one level: `features.0.weight`, `classifier.conv2d_list.0.weight`."""
    found, inside, place = classifier("classifier", 1024, classes), 3, 0
    for width in VGG:
        if width:
            found |= convolution(f"features.{place}", width, inside, 3, bias=True)
            inside = width
        place += 2 if width else 1
    return found | {
        key: value
        for name, within in ((place, 512), (place + 2, 1024))
        for key, value in convolution(f"features.{name}", 1024, within, 3, True).items()
    }


def vgg16_map(state: State, x: Tensor) -> Tensor:
    """What AdaptSegNet's VGG-16 gives its classifier."""
    place = 0
    for number, width in enumerate((*VGG, 1024, 1024)):
        if width:
            weight, bias = state[f"features.{place}.weight"], state[f"features.{place}.bias"]
            dilation = 4 if width == 1024 else 2 if number >= 13 else 1
            x = F.conv2d(x, weight, bias, padding=dilation, dilation=dilation).relu()
        else:
            x = F.max_pool2d(x, 2, 2)
        place += 2 if width else 1
    return x


def aspp(state: State, name: str, x: Tensor, count: int) -> Tensor:
    """The sum over the first `count` dilations."""
    found = [
        F.conv2d(
            x, state[f"{key}.weight"], state[f"{key}.bias"], padding=dilation, dilation=dilation
        )
        for key, dilation in ((f"{name}.conv2d_list.{i}", d) for i, d in enumerate(DILATIONS))
    ]
    return sum(found[1:count], start=found[0])


def segformer_b0(classes: int) -> State:
    """The authors' `mit_b0` and decoder, in shapes alone: ones that take no memory."""
    widths, reductions = (32, 64, 160, 256), (8, 4, 2, 1)
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (width, reduction) in enumerate(zip(widths, reductions, strict=True), 1):
        inside, kernel = (3, 7) if i == 1 else (widths[i - 2], 3)
        layers: dict[str, tuple[int, ...]] = {
            f"patch_embed{i}.proj": (width, inside, kernel, kernel),
            f"patch_embed{i}.norm": (width,),
            f"norm{i}": (width,),
        }
        for block in (f"block{i}.{number}" for number in range(2)):
            layers |= {f"{block}.norm1": (width,), f"{block}.norm2": (width,)}
            layers |= {f"{block}.attn.q": (width, width), f"{block}.attn.kv": (2 * width, width)}
            layers |= {f"{block}.attn.proj": (width, width)}
            if reduction > 1:
                layers[f"{block}.attn.sr"] = (width, width, reduction, reduction)
                layers[f"{block}.attn.norm"] = (width,)
            layers |= {
                f"{block}.mlp.fc1": (4 * width, width),
                f"{block}.mlp.fc2": (width, 4 * width),
            }
            layers |= {f"{block}.mlp.dwconv.dwconv": (4 * width, 1, 3, 3)}
        shapes |= {f"backbone.{name}": shape for name, shape in layers.items()}
        shapes[f"decode_head.linear_c{i}.proj"] = (256, width)
    shapes["decode_head.linear_fuse.bn"] = (256,)
    shapes["decode_head.linear_pred"] = shapes["decode_head.conv_seg"] = (classes, 256, 1, 1)
    found = {f"{name}.weight": shape for name, shape in shapes.items()}
    found |= {f"{name}.bias": shape[:1] for name, shape in shapes.items()}
    found["decode_head.linear_fuse.conv.weight"] = (256, 1024, 1, 1)
    found |= {f"decode_head.linear_fuse.bn.running_{key}": (256,) for key in ("mean", "var")}
    return {key: torch.ones(()).expand(shape) for key, shape in found.items()}
