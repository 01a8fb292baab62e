"""Features kept near a pretrained network's, and aligned region by region."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.domain.batches import Labelled
from pipeline.model.model import load
from pipeline.model.outputs import Outputs
from pipeline.runtime.files import BadInput
from pipeline.runtime.ranks import averaged
from pipeline.training.alignment import FeatureAlignment
from pipeline.training.crops import inside
from pipeline.training.discriminators import RegionDiscriminator
from pipeline.training.passes import fixed_statistics, norms_like


class Objective(FeatureAlignment):
    """ROAD (Chen et al., 2018): distillation on target images, and spatial-aware adaptation.

    `pretrained` is the file of a model whose features the target's stay near (mean squared error
    times `distil`): in the paper the ImageNet network that training starts from, which
    `pretrain: {imagenet: {steps: 0}}` makes of its weights. Its batch norm takes the batch's
    statistics where the network's does; dropout before the features, where there is any, is the
    network's alone. A
    discriminator for each of `rows` x `columns` regions aligns them, times `adversarial`. The
    weights are not checked against the paper. `own_norm`: as in advent.
    """

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
        super().__init__(own, adversarial, aux, own_norm)
        self.file, self.reference = pretrained, load(pretrained).requires_grad_(False)
        self.distil = distil

    def more(self, model: nn.Module, outputs: Outputs, side: Labelled) -> dict[str, Tensor]:
        """Term `distil`."""
        assert outputs.features is not None
        found = outputs.features.float()
        within = inside(side.windows, found.shape[-2:], outputs.over.features)
        norms_like(self.reference, model)
        each = F.mse_loss(found, self._kept(side.images, found), reduction="none").mean(1)
        return {"distil": self.distil * each[within].sum() / averaged(within.sum()).clamp(min=1)}

    @torch.no_grad()
    def _kept(self, images: Tensor, like: Tensor) -> Tensor:
        with fixed_statistics(self.reference):
            found: Tensor | None = self.reference.to(images.device)(images).features
        if found is None or found.shape != like.shape:
            shape = None if found is None else tuple(found.shape[1:])
            raise BadInput(
                f"{self.file}: its features are {shape}, the network's {tuple(like.shape[1:])}; "
                "name a model of the same network as road's option pretrained"
            )
        kept: Tensor = found.float()
        return kept
