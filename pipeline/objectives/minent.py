"""Direct entropy minimisation on the target."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from pipeline.batches import Batch
from pipeline.losses import entropy, supervised
from pipeline.passes import fixed_statistics
from pipeline.training import Loss


class Objective:
    """Source cross-entropy, and the target's mean entropy times `entropy` (Vu et al., 2019).

    The default weight is their code's for GTA5. `own_norm` keeps the source out of batch norm's
    running statistics, which the model predicts the target with (not from the paper).
    """

    sides = ("source", "target")
    labels = ("source",)

    def __init__(self, entropy: float = 1e-3, aux: float = 0.1, own_norm: bool = False) -> None:
        self.modules: dict[str, nn.Module] = {}
        self.weight, self.aux, self.own_norm = entropy, aux, own_norm

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Terms `source` and `entropy`."""
        assert batch.source is not None
        assert batch.target is not None
        with fixed_statistics(model, self.own_norm):
            outputs = model(batch.source.images)
        yield Loss({"source": supervised(outputs, batch.source.labels, self.aux)})
        yield Loss({"entropy": self.weight * entropy(model(batch.target.images).logits)})
