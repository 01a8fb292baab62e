"""Translated sources, whose features the target's are to have, everywhere or class by class."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.domain.batches import Batch, Labelled
from pipeline.model.outputs import Outputs
from pipeline.runtime.parts import Weight, Width
from pipeline.runtime.ranks import averaged
from pipeline.training.discriminators import PixelDiscriminator
from pipeline.training.losses import supervised
from pipeline.training.moments import Samples, weights
from pipeline.training.objective import Loss
from pipeline.training.passes import fixed_statistics
from pipeline.training.sources import features_of, predicted


class Objective:
    """MADAN's task training (Zhao et al., 2019): labels of all sources, and features aligned.

    A discriminator tells each cell of the sources' features (1) from the target's (0), and the
    target's are to be taken for the sources', times `adversarial`. `by_class`, MADAN+'s
    category-level alignment (2021): a discriminator of each class, for which a cell counts as much
    of it is of that class, in the sources by their labels, in the target as predicted; a mean over
    the classes that there are. The sources are translations by the translator of this name, or any
    others. `adversarial`, `width` and `aux` are not from the papers. `own_norm`: as in advent.
    """

    sides = ("source", "target")
    labels = ("source",)

    def __init__(
        self,
        classes: int,
        features: int,
        adversarial: Weight = 1e-2,
        by_class: bool = False,
        width: Width = 128,
        aux: Weight = 0.1,
        own_norm: bool = False,
    ) -> None:
        outputs = classes if by_class else 1
        own = PixelDiscriminator(features, width, outputs)
        self.modules: dict[str, nn.Module] = {"discriminator": own}
        self.classes, self.by_class, self.adversarial = classes, by_class, adversarial
        self.aux, self.own_norm = aux, own_norm

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Terms `source`, `adversarial` and `told`."""
        assert batch.source is not None
        assert batch.target is not None
        source, target = batch.source, batch.target
        with fixed_statistics(model, self.own_norm):
            outputs = model(source.images)
        resembled = self._seen(outputs, source, source.labels)
        yield Loss({"source": supervised(outputs, source.labels, self.aux)})
        others = model(target.images)
        other = self._seen(others, target, predicted(others, target))
        loss, _ = self._judged(*other, 1.0)
        yield Loss({"adversarial": self.adversarial * loss})
        each = [self._judged(maps.detach(), shares, side)
                for (maps, shares), side in ((resembled, 1.0), (other, 0.0))]  # fmt: skip
        (one, right), (two, told) = each
        yield Loss({"told": (one + two) / 2}, "discriminator", {"accuracy": (right + told) / 2})

    def _seen(self, outputs: Outputs, side: Labelled, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, F, h, w), and how much each cell counts for each judge, (N, K, h * w)."""
        seen = features_of(outputs, side)
        samples: Samples = "classes" if self.by_class else "cells"
        _, shares = weights(seen, labels, self.classes, samples)
        return seen.maps, shares

    def _judged(self, maps: Tensor, shares: Tensor, side: float) -> tuple[Tensor, Tensor]:
        """The discriminators' loss on what is to be `side`, and the share of right answers."""
        found = self.modules["discriminator"](maps).flatten(2)
        aim = torch.full_like(found, side)
        each = F.binary_cross_entropy_with_logits(found, aim, reduction="none")
        right = ((found > 0) == (aim > 0)).float()
        return by_judge(each, shares), by_judge(right, shares).detach()


def by_judge(each: Tensor, shares: Tensor) -> Tensor:
    """The mean over judges of their weighted means, of values and shares (N, K, P).

    Over the cells of all processes, and the judges for whom any counts.
    """
    counts = averaged(shares.sum((0, 2)))
    total = (each * shares).sum((0, 2)) / counts.clamp(min=1e-9)
    return total.sum() / (counts > 0).sum().clamp(min=1)
