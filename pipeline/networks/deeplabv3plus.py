"""DeepLabV3+: a dilated backbone, ASPP, and a decoder with one skip."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torchvision.models.segmentation.deeplabv3 import ASPP

from pipeline.domain.windows import Window
from pipeline.model import backbones
from pipeline.model.backbone_names import Name, Pretrained, contradiction
from pipeline.model.grids import finer
from pipeline.model.outputs import Outputs, Over
from pipeline.runtime.parts import Width


class Network(nn.Module):
    """DeepLabV3+ (Chen et al., ECCV 2018), logits at stride 4.

    (N, 3, H, W) float -> Outputs. The backbone's last map is at `output_stride`; ASPP's dilations
    are 6, 12, 18 at 16 and twice that at 8. As in the paper's section 3.1 the skip has 48 channels,
    and ASPP and the decoder's two convolutions have 256: `width` makes them fewer. `backbone` and
    `pretrained`: as in deeplabv3.
    """

    heads = ("head.",)

    def __init__(
        self,
        classes: int,
        backbone: Name = "resnet101",
        pretrained: Pretrained = None,
        output_stride: backbones.Stride = 16,
        width: Width = 256,
    ) -> None:
        super().__init__()
        self.backbone, channels = backbones.dilated(
            backbone, output_stride, pretrained, ("low", "out")
        )
        dilations = backbones.ASPP[output_stride]
        self.head = _Head(channels["low"], channels["out"], classes, dilations, width)

    @staticmethod
    def contradiction(backbone: str, pretrained: Pretrained, **_: object) -> str | None:
        """What is wrong with these options together."""
        return contradiction(backbone, pretrained)

    def forward(self, x: Tensor) -> Outputs:
        """Images to maps, as the class says."""
        maps = self.backbone(x)
        over = self.backbone.over(maps, x)
        features = self.head.features(maps, over)
        windows = Over(over["low"], features=over["low"])
        return Outputs(self.head.classifier(features), features=features, over=windows)

    @property
    def classifier(self) -> nn.Module:
        """What makes logits of the features."""
        classifier: nn.Module = self.head.classifier
        return classifier


class _Head(nn.Module):
    def __init__(
        self, low: int, high: int, classes: int, dilations: tuple[int, ...], width: int
    ) -> None:
        super().__init__()
        self.aspp = ASPP(high, dilations, width)
        backbones.trains_on_one_image(self.aspp)
        self.skip = _conv(low, 48, 1)
        self.fuse = nn.Sequential(_conv(width + 48, width, 3), _conv(width, width, 3))
        self.classifier = nn.Conv2d(width, classes, 1)

    def features(self, maps: Mapping[str, Tensor], over: Mapping[str, Window]) -> Tensor:
        """(N, width, h, w), on the grid of the map "low"."""
        wide = finer(self.aspp(maps["out"]), over["out"], maps["low"], over["low"])
        fused: Tensor = self.fuse(torch.cat([wide, self.skip(maps["low"])], 1))
        return fused


def _conv(inside: int, outside: int, kernel: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )
