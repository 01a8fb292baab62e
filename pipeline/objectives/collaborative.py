"""Several sources, each with a network of its own; they learn from each other."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.domain.batches import Batch, Labelled
from pipeline.model.outputs import Outputs
from pipeline.runtime.parts import Weight
from pipeline.runtime.ranks import averaged
from pipeline.training import losses
from pipeline.training.crops import inside
from pipeline.training.objective import Loss
from pipeline.training.passes import fixed_statistics
from pipeline.training.sources import own_logits


class Objective:
    """Collaborative learning (He et al., 2021): a model per source, and KL between them.

    Each network learns its own source's labels, and on the others' images what their own networks
    say, times `agree`; on the target's images, the mean of all, times `target` and the share of
    the steps that are done. Which of two networks learns from which, the weight on the target and
    the form of its ramp are not checked against the paper, whose source images first get a target
    image's colours: that is a translation, and no part of this. The model keeps all networks,
    whose mean it says (Recipe.networks). `own_norm`: as in advent.
    """

    sides = ("source", "target")
    labels = ("source",)
    several = True

    def __init__(
        self, sources: int, agree: Weight = 0.5, target: Weight = 0.5, own_norm: bool = False
    ) -> None:
        self.modules: dict[str, nn.Module] = {}
        self.networks, self.agree, self.target = sources, agree, target
        self.own_norm, self.progress = own_norm, 0.0

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Terms `source` and `agree` of one graph, then `target`."""
        assert batch.source is not None
        assert batch.target is not None
        with fixed_statistics(model, self.own_norm):
            outputs = model(batch.source.images)
        own = own_logits(outputs, batch.source.origins)
        labels, over = batch.source.labels, outputs.over.logits
        # its own network is no other: of itself the divergence is 0, and so is its gradient
        apart = divergence(own, outputs, batch.source) * self.networks / (self.networks - 1)
        source = losses.cross_entropy(own, labels, over=over)
        yield Loss({"source": source, "agree": self.agree * apart})
        outputs = model(batch.target.images)
        apart = divergence(outputs.logits, outputs, batch.target)
        yield Loss({"target": self.target * self.progress * apart})


def divergence(teacher: Tensor, outputs: Outputs, side: Labelled) -> Tensor:
    """The mean over networks, and pixels that are no padding, of KL(teacher, network).

    The teacher's logits (N, C, h, w) are on the grid of `outputs`, and get no gradient.
    """
    assert outputs.each is not None
    size, over = side.images.shape[-2:], outputs.over.logits
    within = inside(side.windows, size).reshape(-1)
    wanted = losses.flat(teacher.detach(), size, over).log_softmax(1)
    each = [losses.flat(logits, size, over).log_softmax(1) for logits in outputs.each]
    apart = [F.kl_div(logs, wanted, reduction="none", log_target=True).sum(1) for logs in each]
    return torch.stack(apart).mean(0)[within].sum() / averaged(within.sum()).clamp(min=1)
