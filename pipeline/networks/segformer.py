"""SegFormer: a hierarchical transformer without positions, and a decoder of linear layers."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import torch
from pydantic import Field
from timm.models.pvt_v2 import PyramidVisionTransformerV2
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.model.outputs import Outputs, Over, covers
from pipeline.runtime.files import BadInput

# widths of the four stages, blocks in each, width of the decoder (table 6 of the paper)
_SIZES = {
    "b0": ((32, 64, 160, 256), (2, 2, 2, 2), 256),
    "b1": ((64, 128, 320, 512), (2, 2, 2, 2), 256),
    "b2": ((64, 128, 320, 512), (3, 4, 6, 3), 768),
    "b3": ((64, 128, 320, 512), (3, 4, 18, 3), 768),
    "b4": ((64, 128, 320, 512), (3, 8, 27, 3), 768),
    "b5": ((64, 128, 320, 512), (3, 6, 40, 3), 768),
}
_SIZE = Literal["b0", "b1", "b2", "b3", "b4", "b5"]
_SMALLEST = 29  # pixels, of which the first stage makes the 8 x 8 tokens that it asks together


class Network(nn.Module):
    """SegFormer (Xie et al., NeurIPS 2021), logits at stride 4.

    (N, 3, H, W) float -> Outputs with logits (N, classes, ceil(H/4), ceil(W/4)). `drop_path` is the
    chance with which the last block's branches are left out in training. MiT, the paper's encoder,
    is timm's PVT v2 with an expansion of 4 in all stages. Raises BadInput for images of fewer than
    29 pixels.
    """

    heads = ("head.",)

    def __init__(
        self,
        classes: int,
        size: _SIZE = "b0",
        drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.1,
    ) -> None:
        super().__init__()
        widths, depths, width = _SIZES[size]
        self.backbone = PyramidVisionTransformerV2(
            num_classes=0, depths=depths, embed_dims=widths, num_heads=(1, 2, 5, 8),
            mlp_ratios=(4.0,) * 4, drop_path_rate=drop_path,
        )  # fmt: skip
        self.head = _Head(widths, width, classes)

    def forward(self, x: Tensor) -> Outputs:
        """Images to maps, as the class says."""
        if min(x.shape[2:]) < _SMALLEST:
            raise BadInput(
                f"segformer: images of {x.shape[3]}x{x.shape[2]} are too small; make both sides of "
                f"images, and of crops (training.augment), {_SMALLEST} or more"
            )
        images, maps, x = x, [], self.backbone.patch_embed(x)
        for stage in self.backbone.stages:
            maps.append(x := stage(x))
        features = self.head.features(maps)
        over = covers(features, images, 4)
        return Outputs(
            self.head.classifier(features), features=features, over=Over(over, features=over)
        )

    @property
    def classifier(self) -> nn.Module:
        """What makes logits of the features."""
        classifier: nn.Module = self.head.classifier
        return classifier

    def rename(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """A state dict of the authors' code, or of theirs for ImageNet, by this network's names.

        The latter (`patch_embed1` at its top) has no decoder: it stays as it was drawn.
        """
        start: dict[str, Tensor] = {}
        if "patch_embed1.proj.weight" in state:
            start = {k: v for k, v in self.state_dict().items() if k.startswith(self.heads)}
            state = {f"backbone.{k}": v for k, v in state.items() if not k.startswith("head.")}
        for key, value in state.items():
            if not key.startswith("decode_head.conv_seg."):  # in their files, and never used
                start[_renamed(key)] = value
        return start


def _renamed(key: str) -> str:
    """A name of the authors' code by timm's and the decoder's; theirs count from 1."""
    for pattern, new in (
        (r"^backbone\.patch_embed1\.", "backbone.patch_embed."),
        (r"^backbone\.patch_embed(\d)\.", r"backbone.stages.{}.downsample."),
        (r"^backbone\.block(\d)\.", r"backbone.stages.{}.blocks."),
        (r"^backbone\.norm(\d)\.", r"backbone.stages.{}.norm."),
        (r"^decode_head\.linear_c(\d)\.proj\.", r"head.linear.{}."),
        (r"^decode_head\.linear_fuse\.conv\.", "head.fuse.0."),
        (r"^decode_head\.linear_fuse\.bn\.", "head.fuse.1."),
        (r"^decode_head\.linear_pred\.", "head.classifier."),
    ):
        if found := re.match(pattern, key):
            place = new.format(int(found[1]) - 1) if found.groups() else new
            return place + key[found.end() :].replace("dwconv.dwconv.", "dwconv.")
    return key


class _Head(nn.Module):
    def __init__(self, widths: tuple[int, ...], width: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.ModuleList([nn.Linear(inside, width) for inside in widths])
        self.fuse = nn.Sequential(
            nn.Conv2d(4 * width, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.dropout = nn.Dropout2d(0.1)
        self.classifier = nn.Conv2d(width, classes, 1)

    def features(self, maps: list[Tensor]) -> Tensor:
        """(N, width, h, w), on the grid of the first map."""
        size = maps[0].shape[2:]
        seen = []
        for linear, x in zip(self.linear, maps, strict=True):
            # else torch adds the bias by itself where no gradient is asked for, rounded once more
            mapped = linear(x.movedim(1, 3).contiguous()).movedim(3, 1)
            seen.append(F.interpolate(mapped, size, mode="bilinear"))
        fused: Tensor = self.dropout(self.fuse(torch.cat(seen[::-1], 1)))
        return fused
