"""A model's logits for images, averaged over flips and scales where asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from pipeline.domain.samples import Domain, Joined
from pipeline.domain.windows import WHOLE, Window, mirrored
from pipeline.inference.predictions import Flips
from pipeline.model.grids import averaged, resample
from pipeline.model.outputs import Outputs
from pipeline.runtime import process, readers
from pipeline.runtime.files import BadInput


class _Images(Dataset[Tensor]):
    def __init__(self, domain: Domain | Joined) -> None:
        self.domain = domain

    def __len__(self) -> int:
        return len(self.domain)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(np.array(self.domain.image(index))).permute(2, 0, 1)


def batches(indices: range, size: int) -> list[range]:
    """`indices` cut into batches; the last may be smaller."""
    return [indices[i : i + size] for i in range(0, len(indices), size)]


def images(
    domain: Domain | Joined, batches: Sequence[range], workers: int = 0
) -> Iterator[tuple[range, Tensor]]:
    """A domain's images: the indices of each batch, and uint8 (N, 3, height, width)."""
    loader = DataLoader(
        _Images(domain), batch_sampler=batches, num_workers=workers,  # type: ignore[arg-type]
        worker_init_fn=process.die_with_stage,
    )  # fmt: skip
    yield from zip(batches, readers.read(loader), strict=True)


@torch.inference_mode()
def scores(
    model: nn.Module, images: Tensor, flip: bool = False, scales: Sequence[float] = (1.0,)
) -> tuple[Tensor, Window]:
    """Logits float32 (N, C, h, w) of uint8 images (N, 3, H, W), and what they cover of them.

    On the network's own grid; with flips or several scales the logarithm of the average of their
    probabilities, on the grid of the first scale. Raises BadInput where any is NaN or infinite,
    though no weight was.
    """
    return averaged(views(model, images, flip, scales))


@torch.inference_mode()
def views(
    model: nn.Module, images: Tensor, flip: bool = False, scales: Sequence[float] = (1.0,)
) -> list[tuple[Tensor, Window]]:
    """What `scores` averages: of each scale, logits of the image and, with `flip`, of its mirror.

    The latter are turned back.
    """
    views = [view for scale in scales for view in _views(images, scale, flip)]
    grids: list[tuple[Tensor, Window]] = []
    for view, turned in views:
        outputs: Outputs = model(view)
        logits, over = outputs.logits.float(), outputs.over.logits
        if not logits.isfinite().all():
            raise BadInput(
                "the model gives logits that are NaN or infinite; train it again with a lower "
                "training.optimiser.lr, or set compute.precision to 32-true"
            )
        grids.append((logits.flip(-1), mirrored(over)) if turned else (logits, over))
    return grids


def unlike(
    logits: Tensor, plain: tuple[Tensor, Window], turned: tuple[Tensor, Window]
) -> Iterator[Flips]:
    """Of each image the cells by their class in `logits` (N, C, h, w), the average of all views.

    And of these those to which the image and its mirror image give different classes.
    """
    grids = plain[0], resample(turned[0], plain[0].shape[-2:], turned[1], plain[1])
    # argmax takes twice as long on the CPU
    one, other, average = (maps.max(1).indices for maps in (*grids, logits))
    for classes, differ in zip(average, one != other, strict=True):
        found = (classes.flatten(), classes[differ])
        cells, apart = (torch.bincount(of, minlength=logits.shape[1]).tolist() for of in found)
        yield cells, apart


def _views(images: Tensor, scale: float, flip: bool) -> list[tuple[Tensor, bool]]:
    height, width = (round(side * scale) for side in images.shape[-2:])
    scaled = images if scale == 1 else resample(images.float(), (height, width))
    return [(scaled, False), (scaled.flip(-1), True)] if flip else [(scaled, False)]


def grid(
    logits: Tensor, height: int, width: int, stride: int, over: Window = WHOLE
) -> tuple[Tensor, Window]:
    """Logits float16 (N, C, h, w) on a grid of `stride` over height x width, and what it covers.

    On their own where that is coarser, or has a cell more than this on a side, as networks that
    round up have: to filter a cell away would blur all. Each cell's maximum is taken off: bilinear
    upsampling and softmax do not see that, and float16 is then finest where classes compete.
    """
    rows, columns = -(-height // stride), -(-width // stride)
    if logits.shape[-2] > rows + 1 or logits.shape[-1] > columns + 1:
        size = (min(rows, logits.shape[-2]), min(columns, logits.shape[-1]))
        logits, over = resample(logits, size, over), WHOLE
    return (logits - logits.amax(1, keepdim=True)).clamp(min=-6e4).half(), over


def labels(logits: Tensor, height: int, width: int, over: Window = WHOLE) -> Tensor:
    """Train ids uint8 (N, height, width): the argmax of the upsampled logits."""
    return resample(logits, (height, width), over).argmax(1).to(torch.uint8)
