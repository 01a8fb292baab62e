"""Self-training: the source's labels and the target's pseudo-labels together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import nn

from pipeline.model import Outputs
from pipeline.training import Batch, Labelled, Loss, fixed_statistics, labelled, supervised


class Objective:
    """Cross-entropy over source labels and target pseudo-labels (Zou et al., CBST, 2018).

    As in its authors' code, the mean is over the labelled pixels of both sides, so that sparse
    pseudo-labels weigh little; `target` scales their part. With `norm` "joint" both sides pass the
    network as one batch, and batch norm sees their mixture. With "own" each passes by itself, and
    the running statistics, which the model predicts with, are the target's alone (not from the
    paper; domain-specific batch norm, Chang et al., 2019, with only the target's half kept).
    """

    sides = ("source", "target")

    def __init__(
        self, target: float = 1.0, aux: float = 0.1, norm: Literal["joint", "own"] = "joint"
    ) -> None:
        self.modules: dict[str, nn.Module] = {}
        self.weights = {"source": 1.0, "target": target}
        self.aux = aux
        self.passes = self._joint if norm == "joint" else self._own

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Terms `source` and `target`; a side that the batch lacks has none."""
        present = {name: side for name, side in batch._asdict().items() if side is not None}
        pixels = torch.stack([labelled(side.labels) for side in present.values()]).sum()
        for outputs in self.passes(model, present):
            yield Loss(
                {
                    name: self.weights[name]
                    * supervised(own, present[name].labels, self.aux, pixels)
                    for name, own in outputs.items()
                }
            )

    def _joint(
        self, model: nn.Module, present: dict[str, Labelled]
    ) -> Iterator[dict[str, Outputs]]:
        outputs = model(torch.cat([side.images for side in present.values()]))
        parts, start = {}, 0
        for name, side in present.items():
            part = slice(start, start := start + len(side.images))
            aux = None if outputs.aux is None else outputs.aux[part]
            parts[name] = Outputs(outputs.logits[part], aux)
        yield parts

    def _own(self, model: nn.Module, present: dict[str, Labelled]) -> Iterator[dict[str, Outputs]]:
        for name, side in present.items():
            with fixed_statistics(model, name == "source"):
                outputs = model(side.images)
            yield {name: outputs}
