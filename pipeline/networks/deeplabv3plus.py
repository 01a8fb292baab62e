"""DeepLabV3+: a dilated backbone, ASPP, and a decoder with one skip."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models.segmentation.deeplabv3 import ASPP

from pipeline.model import backbones
from pipeline.model.grids import doubled
from pipeline.model.outputs import Outputs, Over, covers


class Network(nn.Module):
    """DeepLabV3+ (Chen et al., ECCV 2018), logits at stride 4.

    (N, 3, H, W) float -> Outputs. The backbone's last map is at `output_stride`; ASPP's dilations
    are 6, 12, 18 at 16 and twice that at 8. As in the paper's section 3.1 the skip has 48 channels,
    and the decoder two convolutions of 256. `pretrained` is a torchvision name of the backbone's
    weights ("DEFAULT", "IMAGENET1K_V2"), which it downloads.
    """

    heads = ("head.",)

    def __init__(
        self,
        classes: int,
        backbone: backbones.Name = "resnet101",
        pretrained: str | None = None,
        output_stride: backbones.Stride = 16,
    ) -> None:
        super().__init__()
        self.backbone, channels = backbones.dilated(
            backbone, output_stride, pretrained, ("low", "out")
        )
        dilations = backbones.ASPP[output_stride]
        self.head = _Head(channels["low"], channels["out"], classes, dilations)

    def forward(self, x: Tensor) -> Outputs:
        """Images to maps, as the class says."""
        maps = self.backbone(x)
        features = self.head.features(maps["low"], maps["out"])
        over = covers(features, x, 4)
        return Outputs(
            self.head.classifier(features), features=features, over=Over(over, features=over)
        )

    @property
    def classifier(self) -> nn.Module:
        """What makes logits of the features."""
        classifier: nn.Module = self.head.classifier
        return classifier


class _Head(nn.Module):
    def __init__(self, low: int, high: int, classes: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.aspp = ASPP(high, dilations)
        backbones.trains_on_one_image(self.aspp)
        self.skip = _conv(low, 48, 1)
        self.fuse = nn.Sequential(_conv(256 + 48, 256, 3), _conv(256, 256, 3))
        self.classifier = nn.Conv2d(256, classes, 1)

    def features(self, low: Tensor, high: Tensor) -> Tensor:
        """(N, 256, h, w), on the grid of `low`."""
        wide = doubled(self.aspp(high), low)
        fused: Tensor = self.fuse(torch.cat([wide, self.skip(low)], 1))
        return fused


def _conv(inside: int, outside: int, kernel: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )
