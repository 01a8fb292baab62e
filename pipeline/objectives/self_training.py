"""Self-training: the source's labels and the target's pseudo-labels together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.domain.batches import Batch, Labelled
from pipeline.domain.taxonomy import IGNORE
from pipeline.model.outputs import Outputs
from pipeline.runtime.parts import Weight
from pipeline.training import losses
from pipeline.training.objective import Loss
from pipeline.training.passes import Norm, passes


class Objective:
    """Cross-entropy over source labels and target pseudo-labels (Zou et al., CBST, 2018).

    As in its authors' code, the mean is over the labelled pixels of both sides, so that sparse
    pseudo-labels weigh little; `target` scales their part. `norm`: see passes.passes.

    CRST (Zou et al., 2019): `regulariser` mrkld, mrent or mrl2 on the labelled target pixels, its
    `weight` the only factor (losses.DEFAULTS where null); `soft_alpha`, that of the labeler
    crst_lrent, learns soft labels, made again from the teacher's logits and thresholds `k`.
    """

    sides = ("source", "target")
    labels = ("source", "target")

    def __init__(
        self,
        k: Tensor,
        target: Weight = 1.0,
        aux: Weight = 0.1,
        norm: Norm = "joint",
        regulariser: losses.Regulariser | None = None,
        weight: Weight | None = None,
        soft_alpha: Annotated[float, Field(gt=0)] | None = None,
    ) -> None:
        self.modules: dict[str, nn.Module] = {}
        self.k, self.target, self.aux, self.norm = k.clamp(min=0), target, aux, norm
        self.regulariser = regulariser
        self.weight = losses.DEFAULTS[regulariser] if regulariser and weight is None else weight
        self.power = 1 / soft_alpha if soft_alpha else None
        self.soft = soft_alpha is not None

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Terms `source`, `target` and `regulariser`; a side that the batch lacks has none."""
        present = {"source": batch.source, "target": batch.target}
        sides = {name: side for name, side in present.items() if side is not None}
        pixels = torch.stack([losses.labelled(side.labels) for side in sides.values()]).sum()
        for outputs in passes(model, sides, self.norm):
            terms: dict[str, Tensor] = {}
            for name, own in outputs.items():
                if name == "source":
                    terms[name] = losses.supervised(own, sides[name].labels, self.aux, pixels)
                else:
                    terms |= self._pseudo(own, sides[name], pixels)
            yield Loss(terms)

    def _pseudo(self, outputs: Outputs, side: Labelled, pixels: Tensor) -> dict[str, Tensor]:
        size = side.labels.shape[-2:]
        rows, labels = (
            losses.flat(outputs.logits, size, outputs.over.logits),
            side.labels.reshape(-1),
        )
        kept = labels.ne(IGNORE)
        if self.power is None:
            total = F.cross_entropy(rows, labels, ignore_index=IGNORE, reduction="sum")
            loss = total / pixels.clamp(min=1)
        else:
            assert side.logits is not None
            k = self.k.to(rows.device)
            given = (side.logits, side.windows, size, k, self.power, side.over)
            soft, _ = losses.soft_labels(*given)
            loss = losses.soft_cross_entropy(rows, soft, kept, pixels)
        loss = loss + losses.auxiliary_cross_entropy(outputs, side.labels, self.aux, pixels)
        terms = {"target": self.target * loss}
        if self.regulariser is not None:
            each = losses.regularised(self.regulariser, rows, kept)
            terms["regulariser"] = (self.weight or 0.0) * each
        return terms
