"""One direction alone: each place of a translation must be known again among its image's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.domain.batches import Batch
from pipeline.runtime.parts import Weight
from pipeline.training.directions import Contrasted
from pipeline.training.generators import USUAL, Networks
from pipeline.training.objective import Loss
from pipeline.training.trained import Trained
from pipeline.training.translation import drawn, patch_nce, scaled


class Translator(Trained):
    """FastCUT (Park et al., 2020): one generator, one discriminator, no way back.

    Of the generator's own layers, at `patches` places of an image, the translation's must be most
    like the image's at the same place: cross-entropy over the places of that image at
    `temperature`, a mean over layers, times `contrast`. With `flip` half of the images are mirrored
    before they are translated, and compared with the image as it was. Places and mirrorings are
    drawn by each sample's key. The numbers are FastCUT's.
    """

    def __init__(
        self,
        networks: Networks = USUAL,
        contrast: Weight = 10.0,
        patches: Annotated[int, Field(ge=2, le=4096)] = 256,
        temperature: Annotated[float, Field(gt=0)] = 0.07,
        flip: bool = True,
    ) -> None:
        super().__init__(networks, "_target")
        self.contrast, self.patches = contrast, patches
        self.temperature, self.flip = temperature, flip

    def network(self) -> nn.Module:
        """A generator, and what compares what it makes of places."""
        return Contrasted(self.networks)

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Terms `adversarial_target` and `contrast`, then the discriminator's `told_target`."""
        assert batch.source is not None
        assert batch.target is not None
        images, height, width = scaled(batch.source.images), *batch.source.images.shape[-2:]
        draws = drawn(batch.source, lambda by: torch.rand(1 + height * width, generator=by))
        turned = (draws[:, 0] < 0.5) & self.flip  # noqa: PLR2004 - half of them
        scores = draws[:, 1:].reshape(-1, height, width)
        made = model(mirrored(images, turned))
        queries = model(mirrored(made, turned), scores, self.patches)
        with torch.no_grad():
            keys = model(images, scores, self.patches)
        each = [patch_nce(*pair, self.temperature) for pair in zip(queries, keys, strict=True)]
        level = self.level("_target", scaled(batch.target.images), made)
        yield Loss({
            "adversarial_target": level.fooled(),
            "contrast": self.contrast * torch.stack(each).mean(),
        })  # fmt: skip
        yield level.told()


def mirrored(images: Tensor, which: Tensor) -> Tensor:
    """Those of images (N, 3, H, W) mirrored that `which`, bool (N), says."""
    return torch.where(which[:, None, None, None], images.flip(-1), images)
