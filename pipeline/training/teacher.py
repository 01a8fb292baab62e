"""A teacher that is the average of the network that it teaches."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from pipeline.model.grids import resample
from pipeline.model.outputs import Outputs
from pipeline.training.passes import fixed_statistics, norms_like

Statistics = Literal["batch", "running"]


class Taught(NamedTuple):
    """Probabilities float32 (N, C, H, W), and where image and mirror image agree, bool (N, H, W).

    `steady` is None where no mirror image was looked at.
    """

    p: Tensor
    steady: Tensor | None


class Teacher(nn.Module):
    """The mean of a network's parameters over its steps, then their moving average, in float32.

    Tarvainen and Valpola, 2017, as DACS and DAFormer do it: the t-th update, from 0, weighs the
    teacher with min(1 - 1/(t + 1), `alpha`). It predicts with batch norm on the `statistics` of
    the batch at hand, and keeps none (DACS to MIC), or on the running ones, which are averaged as
    the parameters are (Araslanov and Roth, DA-SAC, 2021); with no dropout. `flip` means the
    probabilities of each image and of its mirror image.
    """

    count: Tensor

    def __init__(
        self, model: nn.Module, alpha: float, statistics: Statistics = "batch", flip: bool = False
    ) -> None:
        super().__init__()
        self.model = deepcopy(model).requires_grad_(False)
        self.alpha, self.statistics, self.flip = alpha, statistics, flip
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Takes the network's parameters in; its batch norm's mode too, of batch statistics."""
        weight = 1 - min(1 - 1 / (int(self.count) + 1), self.alpha)
        _into(self.model.parameters(), model.parameters(), weight)
        self.model.eval()
        if self.statistics == "batch":
            norms_like(self.model, model)
            weight = 1.0  # a PooledNorm reads the running ones all the same, of a single image
        _into(self.model.buffers(), model.buffers(), weight)
        self.count += 1

    @torch.no_grad()
    def forward(self, images: Tensor) -> Taught:
        """uint8 images (N, 3, H, W)."""
        p = self._probabilities(images)
        if not self.flip:
            return Taught(p, None)
        other = self._probabilities(images.flip(-1)).flip(-1)
        return Taught((p + other) / 2, p.max(1).indices == other.max(1).indices)

    def _probabilities(self, images: Tensor) -> Tensor:
        with fixed_statistics(self.model):
            outputs: Outputs = self.model(images)
        logits = outputs.logits.float().contiguous()  # classes first: softmax and max are quicker
        return resample(logits, images.shape[-2:], outputs.over.logits).softmax(1)

    @torch.no_grad()
    def give(self, model: nn.Module) -> None:
        """The averaged parameters become those of `model`, whose statistics stay its own."""
        _into(model.parameters(), self.model.parameters(), 1.0)


def _into(own: Iterable[Tensor], others: Iterable[Tensor], weight: float) -> None:
    """Each float of `own` moves by `weight` to that of `others`."""
    for mine, other in zip(own, others, strict=True):
        if mine.is_floating_point():
            mine.lerp_(other.to(mine.dtype), weight)
