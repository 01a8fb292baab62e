"""Two-phase pseudo-label densification: CBST's labels, and what their neighbours vote for."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.domain.pixels import Pixels
from pipeline.domain.windows import WHOLE, Window
from pipeline.inference import labelling
from pipeline.inference.labelling import Floats, Made


class Labeler:
    """TPLD (Shin et al., 2020): labels after sliding-window voting, and dense ones of all pixels.

    `own` is alpha of the paper, taken as the weight of the pixel's own probability; the window's
    default and the pool are not from the paper (see labelling.voted). Dense labels are
    argmax_c p_c / lambda_c everywhere: the objective `tpld` learns them from easy images.
    """

    def __init__(
        self,
        classes: int,
        portion: float,
        own: Annotated[float, Field(ge=0, le=1)] = 0.7,
        window: Annotated[int, Field(ge=1)] = 57,
        repeats: Annotated[int, Field(ge=0)] = 3,
    ) -> None:
        self.portion = portion
        self.pools = np.arange(classes)
        self.voting = (own, window, repeats)

    @staticmethod
    def contradiction(window: int, **_: object) -> str | None:
        """What is wrong with these options."""
        return None if window % 2 else f"option window={window}: must be odd, to have a centre"

    def measure(
        self, logits: Floats, height: int, width: int, window: Window = WHOLE
    ) -> tuple[Pixels, Floats, Floats]:
        """Class uint8, score k and entropy float32 (height, width) from logits (C, h, w)."""
        return labelling.measure(logits, height, width, window=window)

    def label(
        self, logits: Floats, height: int, width: int, k: Floats, window: Window = WHOLE
    ) -> Made:
        """Labels of (height, width) from logits float32 (C, h, w) and thresholds k (C)."""
        made = labelling.voted(logits, height, width, k, *self.voting, window)
        dense = labelling.everywhere(logits, height, width, k, window)
        return made._replace(dense=dense)
