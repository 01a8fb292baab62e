"""Category-level adversarial alignment by the disagreement of two classifiers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.domain.batches import Batch
from pipeline.domain.windows import WHOLE, Window
from pipeline.model.grids import resample
from pipeline.runtime.parts import Weight, Width
from pipeline.training import losses
from pipeline.training.adversarial import Level, Seen, align, maps
from pipeline.training.crops import inside
from pipeline.training.discriminators import Discriminator
from pipeline.training.objective import Loss
from pipeline.training.passes import fixed_statistics


class Objective:
    """CLAN (Luo et al., 2019): the adversary weighs most where two classifiers disagree.

    Both are trained on the source and kept unlike (the cosine of their weights, times `unlike`);
    the softmax of their summed logits is aligned, each place times
    `local` * (1 - cos(p1, p2)) + `least` once a share of `preheat` of the steps is done. All but
    the cross-entropy falls to 0 with the steps. The model keeps both classifiers (Recipe.second).
    The numbers are their code's for GTA5, whose `unlike` is 1e-2 and counts twice; for SYNTHIA its
    `local` is 10. `own_norm` and `width`: as in advent.
    """

    sides = ("source", "target")
    labels = ("source",)
    second = True
    splits = True

    def __init__(
        self,
        classes: int,
        adversarial: Weight = 1e-3,
        unlike: Weight = 2e-2,
        local: Weight = 40.0,
        least: Weight = 0.4,
        preheat: Annotated[float, Field(ge=0, le=1)] = 0.05,
        own_norm: bool = False,
        width: Width = 64,
    ) -> None:
        self.modules: dict[str, nn.Module] = {"discriminator": Discriminator(classes, width)}
        self.adversarial, self.unlike, self.own_norm = adversarial, unlike, own_norm
        self.local, self.least, self.preheat = local, least, preheat
        self.progress = 0.0

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Terms `source`, `unlike`, `adversarial` and the discriminator's `told`."""
        assert batch.source is not None
        assert batch.target is not None
        source, target = (
            inside(side.windows, side.images.shape[-2:]) for side in (batch.source, batch.target)
        )
        left = 1 - self.progress
        with fixed_statistics(model, self.own_norm):
            outputs = model(batch.source.images)
        resembled = _probabilities(outputs.logits, source, outputs.over.logits).detach()
        labels, over = batch.source.labels, outputs.over.logits
        each = [losses.cross_entropy(logits, labels, over=over) for logits in outputs.each]
        unlike = self.unlike * left * (1 + similarity(*_classifiers(model)))
        yield Loss({"source": torch.stack(each).sum(), "unlike": unlike})
        outputs = model(batch.target.images)
        local = None
        if self.progress >= self.preheat:
            apart = disagreement(outputs.each, target.shape[-2:], outputs.over.logits)
            local = self.local * apart + self.least
        found = _probabilities(outputs.logits, target, outputs.over.logits)
        discriminator = self.modules["discriminator"]
        weight = self.adversarial * left
        yield from align(Level(discriminator, resembled, found, weight, local=local))


def _probabilities(logits: Tensor, within: Tensor, over: Window) -> Seen:
    return maps(logits, within, lambda full: full.softmax(1), over)


def _classifiers(model: Any) -> tuple[nn.Module, nn.Module]:
    return model.network.classifier, model.second


def disagreement(both: tuple[Tensor, ...], size: torch.Size, over: Window = WHOLE) -> Tensor:
    """1 - cos(p1, p2) at each pixel, (N, 1, H, W) of `size`, of two logits (N, C, h, w)."""
    one, other = (resample(logits.float(), size, over).softmax(1) for logits in both)
    return 1 - F.cosine_similarity(one, other, dim=1)[:, None]


def similarity(one: nn.Module, other: nn.Module) -> Tensor:
    """The cosine of all parameters of two modules of one kind, each as one vector."""
    first, second = (
        torch.cat([p.flatten() for p in module.parameters()]) for module in (one, other)
    )
    return F.cosine_similarity(first, second, dim=0)
