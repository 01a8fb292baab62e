"""SegFormer: a hierarchical transformer without positions, and a decoder of linear layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import StochasticDepth

from pipeline.model import Outputs

# widths of the four stages, blocks in each, width of the decoder (table 6 of the paper)
_SIZES = {
    "b0": ((32, 64, 160, 256), (2, 2, 2, 2), 256),
    "b1": ((64, 128, 320, 512), (2, 2, 2, 2), 256),
    "b2": ((64, 128, 320, 512), (3, 4, 6, 3), 768),
    "b3": ((64, 128, 320, 512), (3, 4, 18, 3), 768),
    "b4": ((64, 128, 320, 512), (3, 8, 27, 3), 768),
    "b5": ((64, 128, 320, 512), (3, 6, 40, 3), 768),
}
_HEADS, _REDUCTIONS = (1, 2, 5, 8), (8, 4, 2, 1)
_SIZE = Literal["b0", "b1", "b2", "b3", "b4", "b5"]


class Network(nn.Module):
    """SegFormer (Xie et al., NeurIPS 2021), logits at stride 4.

    (N, 3, H, W) float -> Outputs with logits (N, classes, ceil(H/4), ceil(W/4)). `drop_path` is the
    chance with which the last block's branches are left out in training.
    """

    heads = ("head.",)

    def __init__(self, classes: int, size: _SIZE = "b0", drop_path: float = 0.1) -> None:
        super().__init__()
        widths, depths, width = _SIZES[size]
        self.backbone = _Transformer(widths, depths, drop_path)
        self.head = _Head(widths, width, classes)

    def forward(self, x: Tensor) -> Outputs:
        """Images to maps, as the class says."""
        features = self.head.features([*self.backbone(x)])
        return Outputs(self.head.classifier(features), features=features)

    @property
    def classifier(self) -> nn.Module:
        """What makes logits of the features."""
        classifier: nn.Module = self.head.classifier
        return classifier

    def rename(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """A state dict of the authors' code, or of theirs for ImageNet, by this network's names.

        The latter (`patch_embed1` at its top) has no decoder: it stays as it was drawn.
        """
        if "patch_embed1.proj.weight" in state:
            head = {k: v for k, v in self.state_dict().items() if k.startswith(self.heads)}
            body = {k: v for k, v in state.items() if not k.startswith("head.")}
            return head | {f"backbone.{key}": value for key, value in body.items()}
        names = {f"linear_c{i + 1}.proj": f"linear.{i}" for i in range(4)}
        names |= {"linear_fuse.conv": "fuse.0", "linear_fuse.bn": "fuse.1"}
        names |= {"linear_pred": "classifier"}
        renamed = {}
        for key, value in state.items():
            old = next((n for n in names if key.startswith(f"decode_head.{n}.")), None)
            new = key if old is None else f"head.{names[old]}.{key.rpartition('.')[2]}"
            if not key.startswith("decode_head.conv_seg."):  # in their files, and never used
                renamed[new] = value
        return renamed


class _Transformer(nn.Module):
    """MiT; its names are those of the published weights."""

    def __init__(self, widths: tuple[int, ...], depths: tuple[int, ...], drop_path: float) -> None:
        super().__init__()
        chances = iter(torch.linspace(0, drop_path, sum(depths), device="cpu").tolist())
        inside = 3
        for i, (width, depth) in enumerate(zip(widths, depths, strict=True), 1):
            blocks = [
                _Block(width, _HEADS[i - 1], _REDUCTIONS[i - 1], next(chances))
                for _ in range(depth)
            ]
            kernel, stride = (7, 4) if i == 1 else (3, 2)
            self.add_module(f"patch_embed{i}", _Patches(inside, width, kernel, stride))
            self.add_module(f"block{i}", nn.ModuleList(blocks))
            self.add_module(f"norm{i}", nn.LayerNorm(width, eps=1e-6))
            inside = width
        self.apply(_draw)

    def forward(self, x: Tensor) -> Iterator[Tensor]:
        """(N, 3, H, W) -> four maps (N, F, h, w), at strides 4, 8, 16 and 32."""
        for i in range(1, 5):
            x = self.get_submodule(f"patch_embed{i}")(x)
            rows, columns = x.shape[2:]
            tokens = self.get_submodule(f"patch_embed{i}.norm")(x.flatten(2).transpose(1, 2))
            for block in self.get_submodule(f"block{i}").children():
                tokens = block(tokens, rows, columns)
            x = _map(self.get_submodule(f"norm{i}")(tokens), rows, columns)
            yield x


class _Patches(nn.Module):
    def __init__(self, inside: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(inside, width, kernel, stride, kernel // 2)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        mapped: Tensor = self.proj(x)
        return mapped


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, reduction: int, chance: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=1e-6) for _ in range(2))
        self.attn = _Attention(width, heads, reduction)
        self.mlp = _Mixing(width, 4 * width)
        self.drop_path = StochasticDepth(chance, "row")

    def forward(self, x: Tensor, rows: int, columns: int) -> Tensor:
        x = x + self.drop_path(self.attn(self.norm1(x), rows, columns))
        x = x + self.drop_path(self.mlp(self.norm2(x), rows, columns))
        return x


class _Attention(nn.Module):
    """Every token asks windows of `reduction` x `reduction` tokens (section 3.1)."""

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads, self.reduction = heads, reduction
        self.q, self.kv = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        if reduction > 1:
            self.sr = nn.Conv2d(width, width, reduction, reduction)
            self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, rows: int, columns: int) -> Tensor:
        asked = x
        if (r := self.reduction) > 1:
            grid = _map(x, rows, columns)
            grid = F.pad(grid, (0, max(0, r - columns), 0, max(0, r - rows)))  # one window at least
            asked = self.norm(self.sr(grid).flatten(2).transpose(1, 2))
        k, v = self.kv(asked).chunk(2, dim=-1)
        q, k, v = (t.unflatten(2, (self.heads, -1)).transpose(1, 2) for t in (self.q(x), k, v))
        found: Tensor = self.proj(
            F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        )
        return found


class _Mixing(nn.Module):
    """Two linear layers with a depth-wise 3x3 convolution between, which tells places apart."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.dwconv = nn.ModuleDict({"dwconv": nn.Conv2d(inner, inner, 3, 1, 1, groups=inner)})

    def forward(self, x: Tensor, rows: int, columns: int) -> Tensor:
        mixed = self.dwconv["dwconv"](_map(self.fc1(x), rows, columns))
        out: Tensor = self.fc2(F.gelu(mixed.flatten(2).transpose(1, 2)))
        return out


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
            tokens = linear(x.flatten(2).transpose(1, 2))
            seen.append(F.interpolate(_map(tokens, *x.shape[2:]), size, mode="bilinear"))
        fused: Tensor = self.dropout(self.fuse(torch.cat(seen[::-1], 1)))
        return fused


def _map(tokens: Tensor, rows: int, columns: int) -> Tensor:
    """(N, rows * columns, F) to (N, F, rows, columns)."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], -1, rows, columns)


def _draw(module: nn.Module) -> None:
    """As the authors' code: normal weights, of a linear layer with deviation 0.02."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d):
        fan = module.weight[0, 0].numel() * module.out_channels // module.groups
        nn.init.normal_(module.weight, std=(2 / fan) ** 0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
