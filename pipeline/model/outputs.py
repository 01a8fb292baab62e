"""What a network gives."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Outputs(NamedTuple):
    """What a network returns for images (N, 3, H, W): maps on grids of its own strides."""

    logits: Tensor  # (N, C, h, w)
    aux: Tensor | None = None  # (N, C, h', w') of an auxiliary head
    features: Tensor | None = None  # (N, F, h', w') before the classifier
    both: tuple[Tensor, Tensor] | None = None  # of two classifiers, whose sum `logits` is
