"""Features kept near a pretrained network's, and aligned region by region."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.adversarial import Level, align
from pipeline.batches import Batch
from pipeline.discriminators import RegionDiscriminator
from pipeline.losses import supervised
from pipeline.model import load
from pipeline.passes import fixed_statistics
from pipeline.samples import BadInput
from pipeline.training import Loss


class Objective:
    """ROAD (Chen et al., 2018): distillation on target images, and spatial-aware adaptation.

    `pretrained` is the file of a model whose features the target's stay near (mean squared error
    times `distil`): in the paper the ImageNet network that training starts from, which
    `pretrain: {imagenet: {steps: 0}}` makes of its weights. A discriminator for each of
    `rows` x `columns` regions aligns the same features, times `adversarial`. The weights are not
    checked against the paper. `own_norm`: as in advent.
    """

    sides = ("source", "target")
    labels = ("source",)

    def __init__(
        self,
        features: int,
        pretrained: Path,
        distil: float = 0.1,
        adversarial: float = 0.01,
        rows: int = 3,
        columns: int = 3,
        aux: float = 0.1,
        own_norm: bool = False,
    ) -> None:
        own = RegionDiscriminator(features, rows, columns)
        self.modules: dict[str, nn.Module] = {"discriminator": own}
        self.file, self.reference = pretrained, load(pretrained).eval().requires_grad_(False)
        self.distil, self.adversarial = distil, adversarial
        self.aux, self.own_norm = aux, own_norm

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Terms `source`, `distil`, `adversarial` and the discriminator's `told`."""
        assert batch.source is not None
        assert batch.target is not None
        with fixed_statistics(model, self.own_norm):
            outputs = model(batch.source.images)
        resembled = outputs.features.detach().float()
        yield Loss({"source": supervised(outputs, batch.source.labels, self.aux)})
        found = model(batch.target.images).features.float()
        near = {"distil": self.distil * F.mse_loss(found, self._kept(batch.target.images, found))}
        discriminator = self.modules["discriminator"]
        level = Level(discriminator, resembled, found, self.adversarial)
        yield from align(level, more=near)

    @torch.no_grad()
    def _kept(self, images: Tensor, like: Tensor) -> Tensor:
        found: Tensor | None = self.reference.to(images.device)(images).features
        if found is None or found.shape != like.shape:
            shape = None if found is None else tuple(found.shape[1:])
            raise BadInput(
                f"{self.file}: its features are {shape}, the network's {tuple(like.shape[1:])}; "
                "name a model of the same network as road's option pretrained"
            )
        kept: Tensor = found.float()
        return kept
