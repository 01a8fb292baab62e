"""Where crops, and the cells of grids over them, lie in their images."""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.domain.windows import WHOLE, Window

_EDGE = 1e-4  # of a crop's side


def inside(windows: Tensor, size: torch.Size, over: Window = WHOLE) -> Tensor:
    """bool (N, H, W): the pixels of crops, or cells of a grid of `size`, that are no padding.

    The grid covers `over` of its crop; a cell centred beyond the crop's edge is as the edge.
    """
    at = places(windows, size, over)
    return ((at > 0) & (at < 1)).all(-1)


def places(windows: Tensor, size: torch.Size, over: Window = WHOLE) -> Tensor:
    """Each pixel's x and y as fractions of its image's sides, (N, H, W, 2)."""
    n, (height, width) = len(windows), size
    x0, y0, x1, y1 = windows.float().unbind(1)
    across = (torch.arange(width, device=windows.device) + 0.5) / width
    down = (torch.arange(height, device=windows.device) + 0.5) / height
    if over != WHOLE:
        across = (over[0] + (over[2] - over[0]) * across).clamp(_EDGE, 1 - _EDGE)
        down = (over[1] + (over[3] - over[1]) * down).clamp(_EDGE, 1 - _EDGE)
    x = x0[:, None] + (x1 - x0)[:, None] * across
    y = y0[:, None] + (y1 - y0)[:, None] * down
    shape = (n, height, width)
    return torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], -1)
