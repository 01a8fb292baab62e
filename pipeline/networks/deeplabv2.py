"""DeepLabV2, with the weights of AdaptSegNet, ADVENT and CRST."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn

from pipeline.model import backbones
from pipeline.model.outputs import Outputs, Over, covers
from pipeline.runtime.files import BadInput

_DILATIONS = (6, 12, 18, 24)
_CONV5 = (24, 26, 28)  # places in torchvision's VGG-16


class Network(nn.Module):
    """DeepLabV2 (Chen et al., TPAMI 2018), logits at `output_stride`.

    (N, 3, H, W) float -> Outputs. The classifier is ASPP: a convolution for each of the dilations
    6, 12, 18 and 24 (at an output stride of 16, half of them, as DeepLabV3 does), summed.
    `dilations: 2` is the network of AdaptSegNet's published weights: its code returned after the
    second. `aux` adds such a classifier on layer 3 (resnet101).

    `caffe` is the ResNet of this literature: strides in a block's first convolution, pooling that
    rounds up, dilation from a layer's first block on. `pretrained`, a torchvision name of weights
    that it downloads ("DEFAULT", "IMAGENET1K_V2"), needs `caffe: false`.
    """

    heads = ("head.", "aux_head.")

    def __init__(
        self,
        classes: int,
        backbone: Literal["resnet101", "vgg16"] = "resnet101",
        pretrained: str | None = None,
        aux: bool = False,
        dilations: Literal[2, 4] = 4,
        caffe: bool = True,
        output_stride: backbones.Stride = 8,
    ) -> None:
        super().__init__()
        maps = ("out", "aux") if aux else ("out",)
        self.backbone: nn.Module
        self.backbone, channels = (
            (_vgg16(pretrained), {"out": 1024})
            if backbone == "vgg16"
            else backbones.dilated(backbone, output_stride, pretrained, maps)
        )
        if backbone == "resnet101" and caffe:
            _as_in_caffe(self.backbone)
        # a cell more than the image has steps, and trained with corners aligned
        self.first = (0.0, 0.0) if backbone == "resnet101" and caffe else None
        self.step = output_stride
        rates = tuple(rate * 8 // output_stride for rate in _DILATIONS[:dilations])
        self.head = _ASPP(channels["out"], classes, rates)
        self.aux_head = _ASPP(channels["aux"], classes, rates) if aux else None

    @staticmethod
    def contradiction(
        backbone: str,
        pretrained: str | None,
        aux: bool,
        caffe: bool,
        output_stride: int,
        **_: object,
    ) -> str | None:
        """What is wrong with these options together."""
        if backbone == "vgg16" and output_stride != 8:  # noqa: PLR2004
            return "option output_stride: vgg16 has 8 alone; leave it out, or use resnet101"
        if backbone == "vgg16" and aux:
            return "option aux: vgg16 has no auxiliary head; use resnet101"
        if backbone == "resnet101" and pretrained is not None and caffe:
            return (
                "option pretrained: torchvision's weights are for strides in the second "
                "convolution; add caffe: false"
            )
        return None

    def forward(self, x: Tensor) -> Outputs:
        """Images to maps, as the class says."""
        found = self.backbone(x)
        maps = found if isinstance(found, dict) else {"out": found}
        aux = None if self.aux_head is None else self.aux_head(maps["aux"])
        over = covers(maps["out"], x, self.step, self.first)
        return Outputs(self.head(maps["out"]), aux, maps["out"], over=Over(over, over, over))

    @property
    def classifier(self) -> nn.Module:
        """What makes logits of the features."""
        return self.head

    def rename(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """A state dict of public code by this network's names.

        AdaptSegNet's are `layer5`, or `layer6` with `layer5` on layer 3 (VGG-16: `classifier`);
        ADVENT's `layer6`, with `layer5` if it has two levels; CRST's `layer5`; the
        Transfer-Learning-Library's `classifier`, beside `backbone`. A ResNet that such
        training starts from (`fc`: ImageNet; `Scale`: Caffe's, MS-COCO) brings no classifier for
        these classes: it stays as drawn. An auxiliary head or dilations that this network lacks are
        passed over.
        """
        firsts = {key.partition(".")[0] for key in state}
        if "backbone" in firsts and "classifier" not in firsts:
            return state
        starts = any(key.startswith(("fc.", "Scale.")) for key in state)
        prefix = "backbone." if "backbone" in firsts else "Scale."
        bare = {key.removeprefix(prefix): value for key, value in state.items()}
        heads = {"classifier": "head", "layer5": "head"}
        if any(key.startswith("layer6.") for key in bare):
            heads = {"layer5": "aux_head", "layer6": "head"}
            if any(k.startswith("layer5.") and v.shape[1:2] == (2048,) for k, v in bare.items()):
                raise BadInput(
                    "is CLAN's, whose layer5 and layer6 are both its classifiers; to start from "
                    "one of them, take the keys of layer5 out of the file"
                )
        renamed = {} if not starts else {
            key: value for key, value in self.state_dict().items() if key.startswith(self.heads)
        }  # fmt: skip
        for key, value in bare.items():
            first, _, rest = key.partition(".")
            if first in heads:
                if not (starts or self._leaves_out(heads[first], rest)):
                    renamed[f"{heads[first]}.{rest.removeprefix('conv2d_list.')}"] = value
            elif first != "fc":
                renamed[f"backbone.{rest if first == 'features' else key}"] = value
        return renamed

    def _leaves_out(self, head: str, rest: str) -> bool:
        own = getattr(self, head)
        return own is None or int(rest.split(".")[1]) >= len(own)


class _ASPP(nn.ModuleList):
    def __init__(self, inside: int, classes: int, dilations: tuple[int, ...]) -> None:
        super().__init__(
            nn.Conv2d(inside, classes, 3, padding=dilation, dilation=dilation)
            for dilation in dilations
        )
        for conv in self:
            nn.init.normal_(conv.get_parameter("weight"), std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        summed: Tensor = sum(conv(x) for conv in self)
        return summed


def _as_in_caffe(resnet: Any) -> None:
    """The same parameters, with strides and dilations where Caffe's ResNet has them."""
    resnet.maxpool.ceil_mode = True
    for layer in (resnet.layer2, resnet.layer3):
        layer[0].conv1.stride, layer[0].conv2.stride = layer[0].conv2.stride, (1, 1)
    for layer in (resnet.layer3, resnet.layer4):
        layer[0].conv2.dilation = layer[0].conv2.padding = layer[1].conv2.dilation


def _vgg16(pretrained: str | None) -> nn.Sequential:
    """Without the last two poolings, conv5 dilated by 2 and two convolutions of 1024 by 4."""
    layers: list[Any] = list(backbones.vgg16(pretrained))
    for place in _CONV5:
        layers[place].dilation = layers[place].padding = (2, 2)
    for inside in (512, 1024):
        layers += [nn.Conv2d(inside, 1024, 3, padding=4, dilation=4), nn.ReLU(inplace=True)]
    return nn.Sequential(*(layer for i, layer in enumerate(layers) if i not in (23, 30)))
