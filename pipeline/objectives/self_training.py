"""Self-training: the source's labels and the target's pseudo-labels together."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from pipeline.model import Outputs
from pipeline.training import Batch, Loss, supervised


class Objective:
    """Cross-entropy over source labels and target pseudo-labels (Zou et al., CBST, 2018).

    Both sides pass the network as one batch, so that batch norm sees both domains. Each side's
    loss is the mean over its own labelled pixels, and the target's counts `target`: not from the
    paper, whose code divides the sum over both by the labelled pixels of both.
    """

    sides = ("source", "target")

    def __init__(self, target: float = 1.0, aux: float = 0.1) -> None:
        self.modules: dict[str, nn.Module] = {}
        self.target, self.aux = target, aux

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Terms `source` and `target`; a side that the batch lacks has none."""
        weights = {"source": 1.0, "target": self.target}
        present = {name: side for name, side in batch._asdict().items() if side is not None}
        outputs = model(torch.cat([side.images for side in present.values()]))
        terms, start = {}, 0
        for name, side in present.items():
            part = slice(start, start := start + len(side.images))
            aux = None if outputs.aux is None else outputs.aux[part]
            own = Outputs(outputs.logits[part], aux)
            terms[name] = weights[name] * supervised(own, side.labels, self.aux)
        yield Loss(terms)
