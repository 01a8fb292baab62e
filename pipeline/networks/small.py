"""A small dilated encoder with ASPP and one skip, for two CPU cores."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.model.grids import doubled
from pipeline.model.outputs import Outputs, Over, covers
from pipeline.runtime.parts import Width


class Network(nn.Module):
    """About half a million parameters, logits at stride 4 (Chen et al., DeepLabV3+, 2018).

    (N, 3, H, W) float -> Outputs with logits (N, classes, ceil(H/4), ceil(W/4)). `width` scales
    every layer's channels. `aux` adds a head on the encoder's last features, at stride 8.
    """

    heads = ("classifier.", "aux_head.")

    def __init__(self, classes: int, width: Width = 32, aux: bool = False) -> None:
        super().__init__()
        self.stem = _conv(3, width, stride=2)
        self.low = nn.Sequential(_conv(width, 2 * width, stride=2), _Residual(2 * width))
        self.high = nn.Sequential(
            _conv(2 * width, 3 * width, stride=2),
            _Residual(3 * width, dilation=1),
            _Residual(3 * width, dilation=2),
        )
        self.branches = nn.ModuleList(
            [_conv(3 * width, width, kernel=1)]
            + [_conv(3 * width, width, dilation=d) for d in (3, 6)]
        )
        self.pooled = nn.Conv2d(3 * width, width, 1)
        self.skip = _conv(2 * width, width, kernel=1)
        self.fuse = nn.Sequential(
            _conv(5 * width, 2 * width, kernel=1), _conv(2 * width, 2 * width)
        )
        self.classifier = nn.Conv2d(2 * width, classes, 1)
        head = nn.Sequential(_conv(3 * width, width), nn.Conv2d(width, classes, 1)) if aux else None
        self.aux_head = head

    def forward(self, x: Tensor) -> Outputs:
        """Images to maps, as the class says."""
        low = self.low(self.stem(x))
        high = self.high(low)
        everywhere = self.pooled(high.mean((2, 3), keepdim=True)).relu()
        context = [*(branch(high) for branch in self.branches)]
        context.append(everywhere.expand(-1, -1, *high.shape[2:]))
        wide = doubled(torch.cat(context, 1), low)
        features = self.fuse(torch.cat([wide, self.skip(low)], 1))
        aux = None if self.aux_head is None else self.aux_head(high)
        fine = covers(features, x, 4)
        return Outputs(
            self.classifier(features), aux, features, over=Over(fine, covers(aux, x, 8), fine)
        )


class _Residual(nn.Module):
    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(channels, channels, dilation=dilation),
            nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = x + self.body(x)
        return added.relu()


def _conv(
    inside: int, outside: int, kernel: int = 3, stride: int = 1, dilation: int = 1
) -> nn.Module:
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )
