"""Features aligned everywhere, and classes held to the sizes that they have in the source."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.domain.batches import Labelled
from pipeline.model.outputs import Outputs
from pipeline.runtime.parts import Weight
from pipeline.training.alignment import FeatureAlignment
from pipeline.training.crops import inside
from pipeline.training.discriminators import PixelDiscriminator
from pipeline.training.losses import mean_of


class Objective(FeatureAlignment):
    """FCNs in the Wild (Hoffman et al., 2016), with one discriminator on every cell of features.

    A class that is predicted on more than `presence` of its lower share is to have, in the mean
    prediction of the image, a share between its 10 and its 90 % quantile among the source images
    that have it; what is missing or too much counts `size`. Both weights and how the bounds
    become a loss are not from the paper, which solves a constrained problem. `own_norm`: as in
    advent.
    """

    def __init__(
        self,
        features: int,
        shares: Tensor,
        adversarial: Weight = 1e-2,
        size: Weight = 1e-2,
        presence: Weight = 0.1,
        aux: Weight = 0.1,
        own_norm: bool = False,
    ) -> None:
        super().__init__(PixelDiscriminator(features), adversarial, aux, own_norm)
        self.size, self.presence = size, presence
        self.bounds = bounds(shares)

    def more(self, outputs: Outputs, side: Labelled, before: Tensor | None) -> dict[str, Tensor]:
        """Term `size`."""
        logits = outputs.logits.float()
        within = inside(side.windows, logits.shape[-2:], outputs.over.logits)
        lower, upper = (bound.to(logits.device) for bound in self.bounds)
        misfits = misfit(logits, within, lower, upper, self.presence)
        return {"size": self.size * misfits}


def bounds(shares: Tensor) -> tuple[Tensor, Tensor]:
    """The 10 and 90 % quantiles (C) of shares (images, C), over the images that have the class.

    0 and 1 for a class that none has.
    """
    present = torch.where(shares > 0, shares, torch.nan)
    lower, upper = torch.nanquantile(present, torch.tensor([0.1, 0.9]), 0)
    return lower.nan_to_num(0.0), upper.nan_to_num(1.0)


def misfit(logits: Tensor, within: Tensor, lower: Tensor, upper: Tensor, presence: float) -> Tensor:
    """How far the mean prediction of logits (N, C, h, w) lies out of the bounds (C).

    Summed over the classes that are predicted, mean over images; of the cells `within`, bool
    (N, h, w), alike.
    """
    best = nn.functional.one_hot(logits.argmax(1), logits.shape[1]).movedim(3, 1)
    there = mean_of(best, within) > presence * lower
    mean = mean_of(logits.softmax(1), within)
    out = (lower - mean).relu() + (mean - upper).relu()
    return (out * there).sum(1).mean()
