"""Direct entropy minimisation on the target."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from pipeline.domain.batches import Batch
from pipeline.runtime.parts import Weight
from pipeline.training import losses
from pipeline.training.crops import inside
from pipeline.training.objective import Loss
from pipeline.training.passes import fixed_statistics


class Objective:
    """Source cross-entropy, and the target's mean entropy times `entropy` (Vu et al., 2019).

    The default weight is their code's for GTA5, whose weight on an auxiliary head, `entropy_aux`,
    is 2e-4. `ratio`, `relaxed` and `own_norm`: as in advent.
    """

    sides = ("source", "target")
    labels = ("source",)

    def __init__(
        self,
        shares: Tensor,
        entropy: Weight = 1e-3,
        entropy_aux: Weight = 0.0,
        aux: Weight = 0.1,
        ratio: Weight = 0.0,
        relaxed: Weight = 0.5,
        own_norm: bool = False,
    ) -> None:
        self.modules: dict[str, nn.Module] = {}
        self.weight, self.entropy_aux, self.aux, self.own_norm = entropy, entropy_aux, aux, own_norm
        self.prior = losses.Prior(shares, ratio, relaxed)

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Terms `source`, `entropy` and `prior`."""
        assert batch.source is not None
        assert batch.target is not None
        with fixed_statistics(model, self.own_norm):
            outputs = model(batch.source.images)
        yield Loss({"source": losses.supervised(outputs, batch.source.labels, self.aux)})
        outputs, windows = model(batch.target.images), batch.target.windows
        within = inside(windows, batch.target.images.shape[-2:])
        entropy = self.weight * losses.entropy(outputs.logits, within, outputs.over.logits)
        if self.entropy_aux:
            aux = losses.auxiliary(outputs, "entropy_aux")
            entropy = entropy + self.entropy_aux * losses.entropy(aux, within, outputs.over.aux)
        yield Loss({"entropy": entropy, **self.prior.terms(outputs, windows)})
