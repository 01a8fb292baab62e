"""What each of several sources has of a batch: its loss, and how it is told from the target.

Sums are over the samples of all processes, so that one may lack a source that another has.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.domain.batches import Labelled
from pipeline.domain.taxonomy import IGNORE
from pipeline.domain.windows import Window
from pipeline.model.grids import resample
from pipeline.model.outputs import Outputs
from pipeline.runtime.ranks import averaged, pooled
from pipeline.training import losses
from pipeline.training.adversarial import Seen, mean
from pipeline.training.crops import inside


def means(totals: Tensor, counts: Tensor, origins: Tensor, sources: int) -> tuple[Tensor, Tensor]:
    """Each source's sum of `totals` (N, ...) over that of `counts` (N, ...), (M, ...).

    `origins` int64 (N) say which source a sample is of. And bool (M, ...), which have any count: a
    mean of nothing is 0.
    """
    of = F.one_hot(origins, sources).T.float()
    whole = averaged(torch.einsum("mn,n...->m...", of, counts.float()))
    total = torch.einsum("mn,n...->m...", of, totals)
    below = whole.clamp(min=1e-9).reshape(whole.shape + (1,) * (total.dim() - whole.dim()))
    return pooled(total / below), whole > 0


def cross_entropies(
    outputs: Outputs, side: Labelled, aux: float, sources: int
) -> tuple[Tensor, Tensor]:
    """losses.supervised of each source alone, (M,), and bool (M,), which have a labelled pixel."""
    totals = _summed(outputs.logits, side.labels, outputs.over.logits)
    if outputs.aux is not None:
        totals = totals + aux * _summed(outputs.aux, side.labels, outputs.over.aux)
    counts = (side.labels != IGNORE).sum((1, 2))
    return means(totals, counts, side.origins, sources)


def _summed(logits: Tensor, labels: Tensor, over: Window) -> Tensor:
    """Each image's cross-entropy, (N,), summed over its labelled pixels."""
    rows = losses.flat(logits, labels.shape[-2:], over)
    each = F.cross_entropy(rows, labels.reshape(-1), ignore_index=IGNORE, reduction="none")
    return each.view(len(labels), -1).sum(1)


def features_of(outputs: Outputs, side: Labelled) -> Seen:
    """The features on their own grid, and which pixels of the crops are no padding."""
    assert outputs.features is not None
    return Seen(outputs.features.float(), inside(side.windows, side.images.shape[-2:]))


def predicted(outputs: Outputs, side: Labelled) -> Tensor:
    """int64 (N, H, W): the most likely class of each pixel."""
    full = resample(outputs.logits.detach().float(), side.images.shape[-2:], outputs.over.logits)
    return full.argmax(1)


def own_logits(outputs: Outputs, origins: Tensor) -> Tensor:
    """Of each sample, the logits (N, C, h, w) of the classifier of the source that it is of."""
    assert outputs.each is not None
    return torch.stack(outputs.each)[origins, torch.arange(len(origins), device=origins.device)]


Error = Callable[..., Tensor]
"""Logits and what they should say to a loss of each."""


def told(
    discriminators: nn.Module,
    source: Seen,
    target: Seen,
    origins: Tensor,
    aims: tuple[float, float] = (1.0, 0.0),
    error: Error = F.binary_cross_entropy_with_logits,
) -> tuple[Tensor, Tensor]:
    """The loss of each source's discriminator, (M,), and the share of all right answers.

    A mean over the cells of its source, which should be the first of `aims`, and one over the
    target's, which should be the second, added. A cell counts as much of it is no padding.
    """
    right = 0.5 if error is F.mse_loss else 0.0
    found, others = discriminators(source.maps), discriminators(target.maps)
    own = found[torch.arange(len(origins), device=origins.device), origins][:, None]
    shares, beyond = source.shares(own), target.shares(others)
    each = [error(logits, torch.full_like(logits, aim), reduction="none")
            for logits, aim in zip((own, others), aims, strict=True)]  # fmt: skip
    counts = shares.sum((1, 2, 3))
    ones, _ = means((each[0] * shares).sum((1, 2, 3)), counts, origins, others.shape[1])
    zeros = (each[1] * beyond).sum((0, 2, 3)) / averaged(beyond.sum()).clamp(min=1e-9)
    correct = mean((own > right).float(), shares)
    correct = correct + mean((others <= right).float().mean(1, keepdim=True), beyond)
    return ones + pooled(zeros), correct.detach() / 2
