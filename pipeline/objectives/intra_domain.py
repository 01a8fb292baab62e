"""IntraDA's second step: hard target images to look like easy ones, without the source."""

from __future__ import annotations

from pipeline.runtime.parts import Weight
from pipeline.training.alignment import OutputAlignment
from pipeline.training.losses import self_information


class Objective(OutputAlignment):
    """AdvEnt with easy images and their pseudo-labels as source, hard ones as target.

    Pan et al., 2020. Their pseudo-labels are the prediction of every pixel: labeler `st` with
    portion 1.
    """

    sides = ("target", "hard")
    labels = ("target",)

    def __init__(
        self,
        classes: int,
        adversarial: Weight = 1e-3,
        adversarial_aux: Weight = 0.0,
        aux: Weight = 0.1,
    ) -> None:
        super().__init__(classes, (adversarial, adversarial_aux), aux, self_information)
