"""Adversarial alignment of the network's softmax output."""

from __future__ import annotations

from functools import partial

import torch

from pipeline.runtime.parts import Weight, Width
from pipeline.training.alignment import OutputAlignment


class Objective(OutputAlignment):
    """Target predictions to look like the source's (Tsai et al., AdaptSegNet, 2018).

    The default weight is the single level's of their code; two levels are 1e-3 and, on an
    auxiliary head, `adversarial_aux` 2e-4 (with an auxiliary cross-entropy of `aux`).
    `least_squares` is their LSGAN, with a weight of 1e-2. `own_norm` and `width`: as in advent.
    """

    def __init__(
        self,
        classes: int,
        adversarial: Weight = 1e-3,
        adversarial_aux: Weight = 0.0,
        aux: Weight = 0.1,
        least_squares: bool = False,
        own_norm: bool = False,
        width: Width = 64,
    ) -> None:
        of, weights = partial(torch.softmax, dim=1), (adversarial, adversarial_aux)
        super().__init__(classes, weights, aux, of, own_norm, least_squares, width)
