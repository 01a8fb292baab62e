"""What a network gives, and where the cells of its maps lie."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from pipeline.domain.windows import WHOLE, Window, covered


class Over(NamedTuple):
    """What each map covers of the images that the network saw."""

    logits: Window = WHOLE
    aux: Window = WHOLE
    features: Window = WHOLE


class Outputs(NamedTuple):
    """What a network returns for images (N, 3, H, W): maps on grids of its own strides."""

    logits: Tensor  # (N, C, h, w)
    aux: Tensor | None = None  # (N, C, h', w') of an auxiliary head
    features: Tensor | None = None  # (N, F, h', w') before the classifier
    each: tuple[Tensor, ...] | None = None  # of several classifiers, whose sum `logits` is
    over: Over = Over()


def covers(
    maps: Tensor | None, images: Tensor, step: int, first: tuple[float, float] | None = None
) -> Window:
    """The window of maps (N, C, h, w) of images (N, 3, H, W); `step` and `first` as in `covered`.

    Strided convolutions with symmetric padding look (step - 1) / 2 pixels before the middle of
    their cells, everywhere: training learns that, so that such networks name no `first`.
    """
    return WHOLE if maps is None else covered(maps.shape[2:], images.shape[2:], step, first)
