"""Direct entropy minimisation on the target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from pipeline.domain.batches import Batch
from pipeline.domain.windows import Window
from pipeline.runtime.parts import Weight
from pipeline.runtime.ranks import averaged
from pipeline.training import losses
from pipeline.training.crops import inside
from pipeline.training.objective import Loss
from pipeline.training.passes import fixed_statistics

_LEAST = 1e-8
"""Under FDA's power, so that its slope is finite."""


class Objective:
    """Source cross-entropy, and the target's mean entropy times `entropy` (Vu et al., 2019).

    The default weight is their code's for GTA5, whose weight on an auxiliary head, `entropy_aux`,
    is 2e-4. `ratio`, `relaxed` and `own_norm`: as in advent. `charbonnier`: in place of each
    pixel's entropy h the penalty (h^2 + 1e-8)^charbonnier of FDA (Yang and Soatto, 2020: 2, with
    `entropy` 0.005), which passes over what is sure; it begins once a share of `preheat` of the
    steps is done (theirs: 50,000 of 100,000).
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
        charbonnier: Weight = 0.0,
        preheat: Annotated[float, Field(ge=0, le=1)] = 0.0,
    ) -> None:
        self.modules: dict[str, nn.Module] = {}
        self.charbonnier, self.preheat, self.progress = charbonnier, preheat, 0.0
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
        entropy = self.weight * self._entropy(outputs.logits, within, outputs.over.logits)
        if self.entropy_aux:
            aux = losses.auxiliary(outputs, "entropy_aux")
            entropy = entropy + self.entropy_aux * self._entropy(aux, within, outputs.over.aux)
        if self.progress < self.preheat:
            entropy = 0 * entropy
        yield Loss({"entropy": entropy, **self.prior.terms(outputs, windows)})

    def _entropy(self, logits: Tensor, within: Tensor, over: Window) -> Tensor:
        if not self.charbonnier:
            return losses.entropy(logits, within, over)
        rows, kept = losses.flat(logits, within.shape[-2:], over), within.reshape(-1)
        entropies = losses.self_information(rows[kept]).sum(1)
        each = (entropies.square() + _LEAST) ** self.charbonnier
        return each.sum() / averaged(kept.sum()).clamp(min=1)
