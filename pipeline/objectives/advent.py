"""Adversarial entropy minimisation between the source and the target."""

from __future__ import annotations

from torch import Tensor

from pipeline.domain.batches import Labelled
from pipeline.model.outputs import Outputs
from pipeline.runtime.parts import Weight, Width
from pipeline.training import losses
from pipeline.training.alignment import OutputAlignment


class Objective(OutputAlignment):
    """AdvEnt: target maps of weighted self-information to look like the source's (Vu et al., 2019).

    The default weight is their code's, whose `adversarial_aux` on an auxiliary head is 2e-4; an
    auxiliary cross-entropy counts `aux`. `ratio` weighs the class-ratio prior (losses.shortfall;
    in no public code, 0 leaves it out; the weight is not from the paper). `own_norm` keeps the
    source out of batch norm's running statistics, which the model predicts the target with (not
    from the paper); `width` is that of the discriminator's first layer.
    """

    def __init__(
        self,
        classes: int,
        shares: Tensor,
        adversarial: Weight = 1e-3,
        adversarial_aux: Weight = 0.0,
        aux: Weight = 0.1,
        ratio: Weight = 0.0,
        relaxed: Weight = 0.5,
        own_norm: bool = False,
        width: Width = 64,
    ) -> None:
        weights = (adversarial, adversarial_aux)
        own = losses.self_information
        super().__init__(classes, weights, aux, own, own_norm, width=width)
        self.prior = losses.Prior(shares, ratio, relaxed)

    def more(self, outputs: Outputs, side: Labelled, before: Tensor | None) -> dict[str, Tensor]:
        """Term `prior`, if it has a weight."""
        return self.prior.terms(outputs, side.windows)
