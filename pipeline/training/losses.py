"""What objectives add up: hard and soft cross-entropy, regularisers, entropy."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.domain.taxonomy import IGNORE
from pipeline.domain.windows import WHOLE, Window
from pipeline.model.grids import resample
from pipeline.model.outputs import Outputs
from pipeline.runtime.files import BadInput
from pipeline.runtime.ranks import averaged
from pipeline.training.crops import inside, places

Regulariser = Literal["mrkld", "mrent", "mrl2"]


def labelled(labels: Tensor) -> Tensor:
    """How many pixels are not IGNORE; with several processes, a process's mean.

    Sums over a process's pixels, divided by it, have as their mean the mean over all pixels.
    """
    return averaged((labels != IGNORE).sum())


def flat(logits: Tensor, size: torch.Size, over: Window = WHOLE) -> Tensor:
    """logits (N, C, h, w) that cover `over`, upsampled to `size`, float32 (N * H * W, C)."""
    full = resample(logits.float(), size, over)
    # classes last: twice as fast on the CPU as losses over the second axis
    return full.permute(0, 2, 3, 1).reshape(-1, logits.shape[1])


def supervised(
    outputs: Outputs, labels: Tensor, aux: float, pixels: Tensor | None = None
) -> Tensor:
    """Cross-entropy of the logits, and `aux` times that of the auxiliary logits where there are."""
    loss = cross_entropy(outputs.logits, labels, pixels, outputs.over.logits)
    return loss + auxiliary_cross_entropy(outputs, labels, aux, pixels)


def auxiliary_cross_entropy(
    outputs: Outputs, labels: Tensor, aux: float, pixels: Tensor | None = None
) -> Tensor | float:
    """`aux` times the cross-entropy of the auxiliary logits; 0 where there are none."""
    if outputs.aux is None:
        return 0.0
    return aux * cross_entropy(outputs.aux, labels, pixels, outputs.over.aux)


def auxiliary(outputs: Outputs, option: str) -> Tensor:
    """The auxiliary head's logits. Raises BadInput where there is none for `option` to weigh."""
    if outputs.aux is None:
        raise BadInput(
            f"{option}: the network has no auxiliary head; set it to 0, or network.options.aux "
            "where the network has one"
        )
    return outputs.aux


def cross_entropy(
    logits: Tensor, labels: Tensor, pixels: Tensor | None = None, over: Window = WHOLE
) -> Tensor:
    """Sum over the pixels that are not IGNORE, divided by their number or by `pixels`.

    logits (N, C, h, w) that cover `over`, upsampled to labels int64 (N, H, W). 0 where nothing is
    labelled.
    """
    rows = flat(logits, labels.shape[-2:], over)
    total = F.cross_entropy(rows, labels.reshape(-1), ignore_index=IGNORE, reduction="sum")
    return total / (labelled(labels) if pixels is None else pixels).clamp(min=1)


def soft_labels(
    logits: Tensor,
    windows: Tensor,
    size: torch.Size,
    k: Tensor,
    power: float,
    over: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Soft labels float32 (N * H * W, C) of crops, and which rows lie inside their image.

    A soft label is (p_c / lambda_c)^power, normalised over c. logits float16 (N, C, h, w) are a
    teacher's over whole images, `windows` (N, 4) where the crops of `size` lie in them, k float32
    (C) thresholds, and `over` (N, 4) what the logits cover of the images, which is all of them
    without it. Interpolated as the labels were: bilinear.
    """
    at = places(windows, size)
    if over is not None:
        at = (at - over[:, None, None, :2]) / (over[:, 2:] - over[:, :2])[:, None, None]
    found = F.grid_sample(logits.float(), 2 * at - 1, padding_mode="border", align_corners=False)
    rows = found.permute(0, 2, 3, 1).reshape(-1, logits.shape[1])
    return ((rows.log_softmax(1) + k) * power).softmax(1), inside(windows, size).reshape(-1)


def soft_cross_entropy(rows: Tensor, soft: Tensor, kept: Tensor, pixels: Tensor) -> Tensor:
    """-sum_c soft_c log p_c over the rows (N * H * W, C) that are `kept` (bool), over `pixels`."""
    return -(soft * rows.log_softmax(1)).sum(1)[kept].sum() / pixels.clamp(min=1)


def bootstrapped(
    rows: Tensor, soft: Tensor, kept: Tensor, k: Tensor, beta: float, pixels: Tensor
) -> Tensor:
    """TPLD's loss: -sum_c [beta y_c + (1 - beta) p_c / lambda_c] log(p_c / lambda_c).

    Shin et al., 2020. The sum over the rows that are `kept`, divided by `pixels`. The
    network's own p is part of what it learns.
    """
    weight = rows[kept].log_softmax(1) + k
    target = beta * soft[kept] + (1 - beta) * weight.exp()
    return -(target * weight).sum() / pixels.clamp(min=1)


DEFAULTS: dict[Regulariser, float] = {"mrkld": 0.01, "mrent": 0.1, "mrl2": 0.025}
"""Weights: CRST's paper, but MRKLD's 0.1, which its code multiplies with another 0.1."""


def regularised(kind: Regulariser, rows: Tensor, kept: Tensor) -> Tensor:
    """The mean over `kept` rows (N * H * W, C) of what CRST's model regularisers minimise.

    Zou et al., 2019: mrkld -1/C sum_c log p_c, mrent sum_c p_c log p_c, mrl2 sum_c p_c^2.
    """
    logs = rows[kept].log_softmax(1)
    if kind == "mrkld":
        each = -logs.mean(1)
    elif kind == "mrent":
        each = (logs.exp() * logs).sum(1)
    else:
        each = logs.exp().square().sum(1)
    return each.sum() / averaged(kept.sum()).clamp(min=1)


def entropy(logits: Tensor, within: Tensor, over: Window = WHOLE) -> Tensor:
    """Mean normalised entropy, from 0 to 1, as MinEnt minimises it (Vu et al., 2019).

    logits (N, C, h, w) that cover `over`, upsampled to `within`, bool (N, H, W): the pixels that
    count.
    """
    rows = flat(logits, within.shape[-2:], over)
    return -regularised("mrent", rows, within.reshape(-1)) / math.log(max(logits.shape[1], 2))


def self_information(logits: Tensor) -> Tensor:
    """AdvEnt's maps float32 (N, C, h, w): -p_c log p_c / log C (Vu et al., 2019)."""
    logs = logits.float().log_softmax(1)
    classes = max(logits.shape[1], 2)
    return -(logs.exp() * logs) / math.log(classes)


class Prior:
    """ADVENT's class-ratio prior (Vu et al., 2019, section 3.3): classes must not die out.

    `shares` float32 (images, C): of each source image's labelled pixels.
    """

    def __init__(self, shares: Tensor, weight: float, relaxed: float) -> None:
        self.least, self.weight = relaxed * shares.mean(0), weight

    def terms(self, outputs: Outputs, windows: Tensor) -> dict[str, Tensor]:
        """Term `prior` of the target's logits, unless it weighs nothing."""
        if not self.weight:
            return {}
        logits = outputs.logits
        within = inside(windows, logits.shape[-2:], outputs.over.logits)
        mean = mean_of(logits.float().softmax(1), within)
        return {"prior": self.weight * shortfall(mean, self.least.to(logits.device))}


def mean_of(maps: Tensor, within: Tensor) -> Tensor:
    """Each image's mean (N, C) of maps (N, C, h, w), over the cells `within`, bool (N, h, w)."""
    total = (maps * within[:, None]).sum((2, 3))
    return total / within.sum((1, 2)).clamp(min=1)[:, None]


def shortfall(mean: Tensor, least: Tensor) -> Tensor:
    """sum_c max(0, least_c - mean p_c), a mean over images; mean p (N, C), least (C)."""
    return (least - mean).relu().sum(1).mean()
