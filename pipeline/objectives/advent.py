"""Adversarial entropy minimisation between the source and the target."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from pipeline.adversarial import Discriminator, align, maps
from pipeline.batches import Batch
from pipeline.losses import supervised
from pipeline.passes import fixed_statistics
from pipeline.training import Loss


class Objective:
    """AdvEnt: target maps of weighted self-information to look like the source's (Vu et al., 2019).

    The default weight is their code's. `own_norm` keeps the source out of batch norm's running
    statistics, which the model predicts the target with (not from the paper).
    """

    sides = ("source", "target")
    labels = ("source",)

    def __init__(
        self, classes: int, adversarial: float = 1e-3, aux: float = 0.1, own_norm: bool = False
    ) -> None:
        self.modules: dict[str, nn.Module] = {"discriminator": Discriminator(classes)}
        self.weight, self.aux, self.own_norm = adversarial, aux, own_norm

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Terms `source`, `adversarial` and the discriminator's `told`."""
        assert batch.source is not None
        assert batch.target is not None
        size = batch.source.images.shape[-2:]
        with fixed_statistics(model, self.own_norm):
            outputs = model(batch.source.images)
        resembled = maps(outputs, size).detach()
        yield Loss({"source": supervised(outputs, batch.source.labels, self.aux)})
        other = maps(model(batch.target.images), size)
        yield from align(self.modules["discriminator"], resembled, other, self.weight)
