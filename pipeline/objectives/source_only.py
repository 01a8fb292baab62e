"""Supervised training on the source."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from pipeline.domain.batches import Batch
from pipeline.runtime.parts import Weight
from pipeline.training.losses import supervised
from pipeline.training.objective import Loss


class Objective:
    """Cross-entropy on the source's labels; an auxiliary head counts `aux` (ADVENT: 0.1)."""

    sides = ("source",)
    labels = ("source",)

    def __init__(self, aux: Weight = 0.1) -> None:
        self.modules: dict[str, nn.Module] = {}
        self.aux = aux

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """One term, `source`."""
        assert batch.source is not None
        loss = supervised(model(batch.source.images), batch.source.labels, self.aux)
        yield Loss({"source": loss})
