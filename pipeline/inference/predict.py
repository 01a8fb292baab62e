"""A model's logits for images, averaged over flips and scales where asked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from pipeline.domain.samples import Domain
from pipeline.runtime import process
from pipeline.runtime.files import BadInput


class _Images(Dataset[Tensor]):
    def __init__(self, domain: Domain) -> None:
        self.domain = domain

    def __len__(self) -> int:
        return len(self.domain)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(np.array(self.domain.image(index))).permute(2, 0, 1)


def batches(indices: range, size: int) -> list[range]:
    """`indices` cut into batches; the last may be smaller."""
    return [indices[i : i + size] for i in range(0, len(indices), size)]


def images(
    domain: Domain, batches: Sequence[range], workers: int = 0
) -> Iterator[tuple[range, Tensor]]:
    """A domain's images: the indices of each batch, and uint8 (N, 3, height, width)."""
    loader = DataLoader(
        _Images(domain), batch_sampler=batches, num_workers=workers,  # type: ignore[arg-type]
        worker_init_fn=process.die_with_stage,
    )  # fmt: skip
    yield from zip(batches, process.read(loader), strict=True)


@torch.inference_mode()
def scores(
    model: nn.Module, images: Tensor, flip: bool = False, scales: Sequence[float] = (1.0,)
) -> Tensor:
    """Logits float32 (N, C, h, w) of uint8 images (N, 3, H, W), on the network's own grid.

    With flips or several scales: the logarithm of the average of their probabilities, on the grid
    of the first scale. Raises BadInput where any is NaN or infinite, though no weight was.
    """
    views = [view for scale in scales for view in _views(images, scale, flip)]
    grids = []
    for view, mirrored in views:
        logits: Tensor = model(view).logits.float()
        if not logits.isfinite().all():
            raise BadInput(
                "the model gives logits that are NaN or infinite; train it again with a lower "
                "training.optimiser.lr, or set compute.precision to 32-true"
            )
        grids.append(logits.flip(-1) if mirrored else logits)
    if len(grids) == 1:
        return grids[0]
    size = grids[0].shape[-2:]
    logs = [resample(g, size[0], size[1]).log_softmax(1) for g in grids]
    total: Tensor = torch.stack(logs).logsumexp(0)
    return total - math.log(len(logs))


def _views(images: Tensor, scale: float, flip: bool) -> list[tuple[Tensor, bool]]:
    height, width = (round(side * scale) for side in images.shape[-2:])
    scaled = images if scale == 1 else resample(images.float(), height, width)
    return [(scaled, False), (scaled.flip(-1), True)] if flip else [(scaled, False)]


def resample(maps: Tensor, height: int, width: int) -> Tensor:
    """(N, C, h, w) to (N, C, height, width), bilinear with half-pixel centres."""
    if maps.shape[-2:] == (height, width):
        return maps
    shrinks = maps.shape[-2] > height or maps.shape[-1] > width
    return F.interpolate(maps, (height, width), mode="bilinear", antialias=shrinks)


def grid(logits: Tensor, height: int, width: int, stride: int) -> Tensor:
    """Logits float16 (N, C, h, w) on a grid of `stride` over height x width; their own if coarser.

    Each cell's maximum is taken off: bilinear upsampling and softmax do not see that, and
    float16 is then finest where classes compete.
    """
    rows, columns = -(-height // stride), -(-width // stride)
    rows, columns = min(rows, logits.shape[-2]), min(columns, logits.shape[-1])
    small = resample(logits, rows, columns)
    return (small - small.amax(1, keepdim=True)).clamp(min=-6e4).half()


def labels(logits: Tensor, height: int, width: int) -> Tensor:
    """Train ids uint8 (N, height, width): the argmax of the upsampled logits."""
    return resample(logits, height, width).argmax(1).to(torch.uint8)
