"""Cityscapes: 2,975 frames to train and 500 to validate, with labelIds; and its foggy copies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from pipeline.domain.pairing import Files, Matched, OneOrMore, listed
from pipeline.domain.pixels import INDEX
from pipeline.domain.taxonomy import LABEL_IDS

_BETAS = (0.005, 0.01, 0.02)


class Dataset(Matched):
    """`leftImg8bit/<split>/<city>/*_leftImg8bit.png` with the labelIds of gtFine beside it.

    It reads what the site ships: no labelTrainIds have to be made first. With `beta` the images are
    those of Foggy Cityscapes (Sakaridis et al., 2018) with that attenuation,
    `leftImg8bit_foggy/<split>/<city>/*_leftImg8bit_foggy_beta_0.02.png`.
    """

    encoding = INDEX
    values = LABEL_IDS
    example = "<city>/x"

    def __init__(
        self,
        root: Path,
        split: OneOrMore[Literal["train", "val", "test"]],
        beta: Annotated[float, Field(gt=0)] | None = None,
    ) -> None:
        images = "leftImg8bit" if beta is None else "leftImg8bit_foggy"
        suffix = "_leftImg8bit" if beta is None else f"_leftImg8bit_foggy_beta_{beta:g}"
        super().__init__(
            root,
            Files(images, suffix, places=listed(split)),
            Files("gtFine", "_gtFine_labelIds", places=listed(split)),
        )

    @staticmethod
    def contradiction(beta: float | None, **_: object) -> str | None:
        """Fog that nobody has rendered."""
        if beta in (None, *_BETAS):
            return None
        return f"option beta={beta}: choose {', '.join(map(str, _BETAS))}, or leave it out"
