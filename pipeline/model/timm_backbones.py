"""Backbones of timm: at an output stride, and where their cells lie."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.domain.windows import Window, same_padding
from pipeline.model import timm_weights
from pipeline.model.backbone_names import PREFIX, Pretrained
from pipeline.model.outputs import covers
from pipeline.model.recipe import Normalisation

_ROUNDS_DOWN = re.compile("convnext|aa")
"""Networks some of whose strides do not pad: what is left over at an image's end is not seen."""


class Timm(nn.Module):
    """(N, 3, H, W) -> {map: (N, F, h, w)}, of "low" (stride 4), "aux" (the last but one) and "out".

    `over` says exactly where its cells lie, so that maps of several strides fit on one another.
    Images are padded at their end where the network would leave out what is less than a stride.
    `normalisation` is what its pretrained weights want, None for drawn ones.
    """

    def __init__(
        self, backbone: str, stride: int, pretrained: Pretrained, maps: Iterable[str]
    ) -> None:
        import timm

        super().__init__()
        self.name, self.stride = backbone.removeprefix(PREFIX), stride
        build = partial(timm.create_model, features_only=True, output_stride=stride)
        self.body: Any = None
        self.normalisation: Normalisation | None = None
        if pretrained is None:
            self.body = build(self.name)
        else:
            found = timm_weights.pretrained_body(build, self.name, pretrained)
            self.body, self.normalisation = found
        info = self.body.feature_info
        strides, channels = info.reduction(), info.channels()
        last = len(strides) - 1
        places = {"low": strides.index(4), "aux": last - 1, "out": last}
        self.places = {key: places[key] for key in maps}
        self.steps = {key: strides[place] for key, place in self.places.items()}
        self.channels = {key: channels[place] for key, place in self.places.items()}

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Images to maps, as the class says."""
        height, width = x.shape[2:]
        below, right = -height % self.stride, -width % self.stride
        if _ROUNDS_DOWN.search(self.name) and (below or right):
            x = F.pad(x, (0, right, 0, below))
        found, maps = self.body(x), {}
        for key, place in self.places.items():  # no cell lies wholly beyond the image
            rows, columns = (-(-side // self.steps[key]) for side in (height, width))
            maps[key] = found[place][..., :rows, :columns]
        return maps

    def over(self, maps: Mapping[str, Tensor], images: Tensor) -> dict[str, Window]:
        """What each of `forward`'s maps covers of its images."""
        return {
            key: covers(found, images, self.steps[key], self._first(key, images))
            for key, found in maps.items()
        }

    def _first(self, key: str, images: Tensor) -> tuple[float, float]:
        """The pixel that the first cell looks at, of rows and columns."""
        step = self.steps[key]
        if self.name.startswith("tf_"):
            halvings = step.bit_length() - 1
            rows, columns = (same_padding(side, halvings) for side in images.shape[2:])
            return rows, columns
        if "convnext" in self.name:  # patches, as poolings; the first dilated one is
            dilated = step < 4 << self.places[key]  # padded at its end alone
            return ((step * (1 + dilated) - 1) / 2,) * 2
        return 0.0, 0.0  # odd kernels, padded at both ends
