"""What a teacher's prediction teaches: a label for each pixel, and what it weighs."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.domain.taxonomy import IGNORE
from pipeline.model.outputs import Outputs
from pipeline.runtime.ranks import averaged
from pipeline.training.losses import flat, mean_of

Weigh = Literal["batch", "pixel", "classes"]


class Labels(NamedTuple):
    """Train ids int64 (N, H, W), and what each weighs, float32 (N, H, W)."""

    labels: Tensor
    weights: Tensor

    def where(self, mask: Tensor, labels: Tensor) -> Labels:
        """With `labels`, of weight 1, where `mask`, bool (N, H, W)."""
        weights = torch.where(mask, 1.0, self.weights)
        return Labels(torch.where(mask, labels, self.labels), weights)


def share(of: Tensor, among: Tensor) -> Tensor:
    """How many of the pixels `among` are `of` these, both bool (N, H, W): of all processes'."""
    return (of & among).sum() / averaged(among.sum()).clamp(min=1)


def by_batch(p: Tensor, within: Tensor, tau: float) -> Labels:
    """The class of most probability, weighed by q: the share of pixels that have `tau` or more.

    Tranheden et al., DACS, 2021: one number for the whole batch.
    """
    most, labels = p.max(1)
    q = averaged(share(most >= tau, within))
    return Labels(labels, q.expand_as(most))


def by_pixel(p: Tensor, tau: float) -> Labels:
    """The class of most probability, weighed 1 where it has `tau` or more, else 0."""
    most, labels = p.max(1)
    return Labels(labels, (most >= tau).float())


def by_thresholds(p: Tensor, k: Tensor) -> Labels:
    """argmax p/lambda, weighed 1 where p is lambda or more, else 0 (Zou et al., CBST, 2018).

    `k` float32 (C): -log lambda.
    """
    score, labels = (p.clamp(min=1e-30).log() + k.to(p.device)[:, None, None]).max(1)
    return Labels(labels, (score >= 0).float())


class MovingPrior(nn.Module):
    """DA-SAC's thresholds (Araslanov and Roth, 2021): by image and class, lower for rare ones.

    A class's `chi` is the moving average of its mean probability, from 1/C on. Its threshold is
    0.75 of its largest probability in the image, times 1 - exp(-chi / 0.001), at least 0.2; what
    passes weighs (1 - chi)^3 times the probability.
    """

    chi: Tensor
    kept, most, scale, least, power = 0.99, 0.75, 1e-3, 0.2, 3

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("chi", torch.full((classes,), 1 / classes))

    @torch.no_grad()
    def forward(self, p: Tensor, within: Tensor) -> Labels:
        """Takes p (N, C, H, W) in, of the pixels `within` (N, H, W), and weighs its labels."""
        self.chi.lerp_(averaged(mean_of(p, within).mean(0)).to(self.chi), 1 - self.kept)
        largest = (p * within[:, None]).amax((2, 3))
        thresholds = (self.most * largest * (1 - torch.exp(-self.chi / self.scale))).clamp(
            min=self.least
        )
        most, labels = p.max(1)
        passed = most >= thresholds.gather(1, labels.flatten(1)).view_as(most)
        return Labels(labels, passed * (1 - self.chi)[labels] ** self.power * most)


def loss(outputs: Outputs, given: Labels, pixels: Tensor, aux: float) -> tuple[Tensor, Tensor]:
    """The weighted cross-entropy, and the network's own class of each pixel, (N, H, W).

    It is summed and divided by `pixels`, with `aux` times the auxiliary head's: the papers' mean is
    over all pixels, also those that weigh nothing.
    """
    size = given.labels.shape[-2:]
    rows = flat(outputs.logits, size, outputs.over.logits)
    found = _weighted(rows, given)
    if outputs.aux is not None:
        found = found + aux * _weighted(flat(outputs.aux, size, outputs.over.aux), given)
    own = rows.detach().max(1).indices  # argmax takes twice as long on the CPU
    return found / pixels.clamp(min=1), own.view_as(given.labels)


def _weighted(rows: Tensor, given: Labels) -> Tensor:
    each = F.cross_entropy(rows, given.labels.reshape(-1), ignore_index=IGNORE, reduction="none")
    return (each * given.weights.reshape(-1)).sum()


def agreement(own: Tensor, given: Labels, among: Tensor) -> Tensor:
    """The share of the pixels `among` that have a label and whose `own` class it is."""
    return share(own == given.labels, among & (given.labels != IGNORE))
