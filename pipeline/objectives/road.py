"""Features kept near a pretrained network's, and aligned region by region."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.domain.batches import Labelled
from pipeline.model.model import load
from pipeline.model.outputs import Outputs
from pipeline.runtime.files import BadInput
from pipeline.runtime.parts import Weight
from pipeline.runtime.ranks import averaged
from pipeline.training.alignment import FeatureAlignment
from pipeline.training.crops import inside
from pipeline.training.discriminators import RegionDiscriminator
from pipeline.training.passes import fixed_statistics, mode_like

Side = Annotated[int, Field(ge=1)]
"""Regions along a side of the features."""


class Objective(FeatureAlignment):
    """ROAD (Chen et al., 2018): distillation on target images, and spatial-aware adaptation.

    `pretrained` is the file of a model whose features the target's stay near (mean squared error
    times `distil`): in the paper the ImageNet network that training starts from, which
    `pretrain: {imagenet: {steps: 0}}` makes of its weights. It passes as the network does, so that
    both begin with the same features: in its precision, with the batch's statistics where the
    network takes them, with what the network draws of dropout. A discriminator for each of `rows`
    x `columns` regions aligns them, times `adversarial`. Weights and dropout are not checked
    against the paper. `own_norm`: as in advent.
    """

    def __init__(
        self,
        features: int,
        pretrained: Path,
        distil: Weight = 0.1,
        adversarial: Weight = 0.01,
        rows: Side = 3,
        columns: Side = 3,
        aux: Weight = 0.1,
        own_norm: bool = False,
    ) -> None:
        own = RegionDiscriminator(features, rows, columns)
        super().__init__(own, adversarial, aux, own_norm)
        self.file, self.reference = pretrained, load(pretrained).requires_grad_(False)
        self.distil = distil

    @torch.no_grad()
    def before(self, model: nn.Module, side: Labelled) -> Tensor | None:
        """The reference's features. What it draws at random the network then draws again."""
        mode_like(self.reference, model)
        device = side.images.device
        on_gpu = [device] if device.type == "cuda" else []
        with fixed_statistics(self.reference), torch.random.fork_rng(on_gpu):
            features: Tensor | None = self.reference(side.images).features
        return features

    def more(self, outputs: Outputs, side: Labelled, before: Tensor | None) -> dict[str, Tensor]:
        """Term `distil`."""
        assert outputs.features is not None
        found = outputs.features.float()
        if before is None or before.shape != found.shape:
            shape = None if before is None else tuple(before.shape[1:])
            raise BadInput(
                f"{self.file}: its features are {shape}, the network's {tuple(found.shape[1:])}; "
                "name a model of the same network as road's option pretrained"
            )
        within = inside(side.windows, found.shape[-2:], outputs.over.features)
        each = F.mse_loss(found, before.float(), reduction="none").mean(1)
        return {"distil": self.distil * each[within].sum() / averaged(within.sum()).clamp(min=1)}
