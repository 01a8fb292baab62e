"""Features that no region of any size gives away, beside a heavily weighed source loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field
from torch import nn

from pipeline.domain.batches import Batch
from pipeline.runtime.parts import Weight, Width
from pipeline.training.adversarial import Level, masked
from pipeline.training.discriminators import DilatedDiscriminator
from pipeline.training.losses import supervised
from pipeline.training.objective import Loss
from pipeline.training.passes import fixed_statistics


class Objective:
    """FCAN's representation adaptation, RAN (Zhang et al., CVPR 2018).

    max over the network, min over the discriminator, of L_adv - lambda L_seg: L_seg is the source's
    cross-entropy, `segmentation` the paper's lambda, and L_adv the mean binary cross-entropy over
    all positions of both sides. The discriminator sees the features that the classifier reads (the
    paper: the last of the backbone) through `branches` convolutions dilated by 1, 2 and so on, each
    of `width` channels. An auxiliary cross-entropy counts `aux`, which is not from the paper.
    `own_norm`: as in advent. FCAN's other half, its images, is the translator appearance.
    """

    sides = ("source", "target")
    labels = ("source",)

    def __init__(
        self,
        features: int,
        segmentation: Weight = 5.0,
        branches: Annotated[int, Field(ge=1, le=64)] = 4,
        width: Width = 128,
        aux: Weight = 0.1,
        own_norm: bool = False,
    ) -> None:
        own = DilatedDiscriminator(features, branches, width)
        self.modules: dict[str, nn.Module] = {"discriminator": own}
        self.segmentation, self.aux, self.own_norm = segmentation, aux, own_norm

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Terms `source` and `adversarial` of one graph, then the discriminator's `told`."""
        assert batch.source is not None
        assert batch.target is not None
        with fixed_statistics(model, self.own_norm):
            outputs = model(batch.source.images)
        others = model(batch.target.images)
        assert outputs.features is not None
        assert others.features is not None
        source = masked(outputs.features, batch.source, outputs.over.features)
        target = masked(others.features, batch.target, others.over.features)
        level = Level(self.modules["discriminator"], source, target, 1.0)
        error = supervised(outputs, batch.source.labels, self.aux)
        yield Loss({"source": self.segmentation * error, "adversarial": level.opposed()})
        yield level.told()
