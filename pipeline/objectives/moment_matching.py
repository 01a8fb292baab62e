"""Several sources, whose features have the moments of the target's and of each other's."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pipeline.domain.batches import Batch, Labelled
from pipeline.model.outputs import Outputs
from pipeline.runtime.parts import Weight
from pipeline.training import losses
from pipeline.training.moments import Moment, Samples, distance, moment, weights
from pipeline.training.objective import Loss
from pipeline.training.passes import fixed_statistics
from pipeline.training.sources import features_of, own_logits, predicted


class Objective:
    """Moment matching, MMN or M3SDA (Peng et al., 2019), of first and second moments.

    Their formula, times `moments`, which is their code's weight; what that code computes is
    another thing. `samples` are images' mean features, all cells, or the cells of each class (of
    the target: as predicted); which of these is not from the paper, whose samples are images of
    one class each. `classifiers`: one of each source, as there, whose mean probabilities are the
    model's; the paper's pairs of classifiers (its beta form) are left out. `own_norm`: as in
    advent.
    """

    sides = ("source", "target")
    labels = ("source",)
    several = True
    splits = "classifiers"

    def __init__(
        self,
        classes: int,
        sources: int,
        moments: Weight = 5e-4,
        samples: Samples = "images",
        classifiers: bool = False,
        aux: Weight = 0.1,
        own_norm: bool = False,
    ) -> None:
        self.modules: dict[str, nn.Module] = {}
        self.sources, self.samples, self.weight = sources, samples, moments
        self.classes, self.classifiers = classes, sources if classifiers else 1
        self.aux, self.own_norm = aux, own_norm

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Terms `source` and `moments`, of one graph."""
        assert batch.source is not None
        assert batch.target is not None
        source, target = batch.source, batch.target
        with fixed_statistics(model, self.own_norm):
            outputs = model(source.images)
        own = outputs
        if self.classifiers > 1:
            own = outputs._replace(logits=own_logits(outputs, source.origins))
        others = model(target.images)
        alone = torch.zeros_like(target.labels[:, 0, 0])  # the target's samples are of one domain
        one = self._moments(outputs, source, source.labels, source.origins, self.sources)
        other = self._moments(others, target, predicted(others, target), alone, 1)
        apart = torch.stack([distance(*both) for both in zip(one, other, strict=True)])
        loss = losses.supervised(own, source.labels, self.aux)
        yield Loss({"source": loss, "moments": self.weight * apart.sum()})

    def _moments(
        self, outputs: Outputs, side: Labelled, labels: Tensor, origins: Tensor, count: int
    ) -> list[Moment]:
        """The first and the second."""
        seen = features_of(outputs, side)
        given = weights(seen, labels, self.classes, self.samples)
        return [moment(*given, power, origins, count) for power in (1, 2)]
