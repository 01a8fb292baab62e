"""Maps on grids of their own, at whatever places they are wanted."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.domain.windows import WHOLE, Window, weights


def resample(
    maps: Tensor, size: Sequence[int], window: Window = WHOLE, onto: Window = WHOLE
) -> Tensor:
    """Maps float (N, C, h, w) that cover `window` to `size` (H, W) places over `onto`, bilinear.

    Where they become fewer, filtered first. Both over the whole image are torch's interpolation
    with half-pixel centres; the rest is two products with `windows.weights`, in no autocast.
    """
    rows, columns = size
    same = maps.shape[-2:] == (rows, columns)
    if window == onto and same:
        return maps
    if window == onto == WHOLE:
        shrinks = maps.shape[-2] > rows or maps.shape[-1] > columns
        return F.interpolate(maps, (rows, columns), mode="bilinear", antialias=shrinks)
    down = weights(maps.shape[-2], window[1::2], rows, onto[1::2])
    across = weights(maps.shape[-1], window[::2], columns, onto[::2])
    with torch.autocast(maps.device.type, enabled=False):
        return maps.new_tensor(down) @ maps @ maps.new_tensor(across.T)


def doubled(maps: Tensor, like: Tensor) -> Tensor:
    """Maps (N, C, h, w) to the cells of `like` (N, F, H, W), each side a power of two finer.

    Cells beyond those are cut off: stretching the map to the size instead would move its cells
    against the image by their place where a side is not a multiple of both steps.
    """
    rows, columns = like.shape[-2:]
    times = 1 << max(0, (-(-rows // maps.shape[-2]) - 1).bit_length())
    wide = F.interpolate(maps, scale_factor=times, mode="bilinear")
    return wide[..., :rows, :columns]


def finer(maps: Tensor, over: Window, like: Tensor, onto: Window) -> Tensor:
    """Maps (N, C, h, w) that cover `over`, to the cells of `like` (N, F, H, W), which cover `onto`.

    Where both fill the image from its corner on, this is `doubled`.
    """
    if over[:2] == onto[:2] == WHOLE[:2]:
        return doubled(maps, like)
    return resample(maps, like.shape[-2:], over, onto)


def averaged(
    grids: Sequence[tuple[Tensor, Window]], shares: Sequence[float] | None = None
) -> tuple[Tensor, Window]:
    """The logarithm of the mean probabilities of logits (N, C, h, w), on the first one's grid.

    Each with the window that it covers. One alone stays as it is. `shares`, which sum to 1, are
    what each counts where they do not count alike.
    """
    first, onto = grids[0]
    if len(grids) == 1:
        return first, onto
    size = first.shape[-2:]
    logs = [resample(logits, size, over, onto).log_softmax(1) for logits, over in grids]
    if shares is not None:
        logs = [log + math.log(share) for log, share in zip(logs, shares, strict=True)]
        return torch.stack(logs).logsumexp(0), onto
    total: Tensor = torch.stack(logs).logsumexp(0)
    return total - math.log(len(logs)), onto
