"""Self-training: the source's labels and the target's pseudo-labels together."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from pipeline.model import Outputs
from pipeline.training import Batch, Loss, labelled, supervised


class Objective:
    """Cross-entropy over source labels and target pseudo-labels (Zou et al., CBST, 2018).

    As in its authors' code, the mean is over the labelled pixels of both sides, so that sparse
    pseudo-labels weigh little; `target` scales their part. Both sides pass the network as one
    batch, and batch norm sees both domains.
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
        pixels = torch.stack([labelled(side.labels) for side in present.values()]).sum()
        terms, start = {}, 0
        for name, side in present.items():
            part = slice(start, start := start + len(side.images))
            aux = None if outputs.aux is None else outputs.aux[part]
            own = Outputs(outputs.logits[part], aux)
            terms[name] = weights[name] * supervised(own, side.labels, self.aux, pixels)
        yield Loss(terms)
