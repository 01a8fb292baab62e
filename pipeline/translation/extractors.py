"""What looks at images for a translator: a backbone, or a model of this project."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.domain.pixels import Mask
from pipeline.model.backbone_names import Backbone
from pipeline.model.model import Mean, Model, load
from pipeline.model.stages import Normalised, Stages
from pipeline.runtime.files import BadInput
from pipeline.runtime.params import Section


class Trained(Section):
    """A model of this project, and the modules of its network whose maps are looked at.

    null: its first convolution, and what its classifier reads.
    """

    model: Path
    layers: Annotated[list[str], Field(min_length=1)] | None = None


def built(asked: Backbone | Trained) -> nn.Module:
    """Images float (N, 3, H, W) of 0 to 255 to a list of maps (N, F, h, w), the same each time.

    Raises BadInput for a model that is a mean of two, and for a module that it has not.
    """
    made: nn.Module = OfModel(asked) if isinstance(asked, Trained) else Normalised(
        Stages(asked.backbone, asked.pretrained)
    )  # fmt: skip
    return made.eval().requires_grad_(False)


class OfModel(nn.Module):
    """The maps of a model's modules, in the order of `layers`; called from several threads."""

    def __init__(self, asked: Trained) -> None:
        super().__init__()
        self.model, self.layers = load(asked.model), asked.layers
        if isinstance(self.model, Mean):
            raise BadInput(f"{asked.model}: is a mean of two models; name one of them as extractor")
        self.seen = threading.local()
        for name, part in _parts(self.model, asked).items():
            part.register_forward_hook(lambda _, __, found, name=name: self._see(name, found))

    def _see(self, name: str, found: object) -> None:
        if not isinstance(found, Tensor) or found.dim() != 4:  # noqa: PLR2004
            raise BadInput(f"extractor: layer {name!r} gives no maps of images; name another")
        self.seen.maps[name] = found

    def forward(self, images: Tensor) -> list[Tensor]:
        """Maps, as `built` says."""
        self.seen.maps = {}
        features = self.model(images).features
        maps = list(self.seen.maps.values())
        return maps if self.layers is not None or features is None else [*maps, features]


def _parts(model: Model, asked: Trained) -> dict[str, nn.Module]:
    known = dict(model.network.named_modules())
    if asked.layers is None:
        convolutions = (name for name, part in known.items() if isinstance(part, nn.Conv2d))
        return {(name := next(convolutions)): known[name]}
    if unknown := [name for name in asked.layers if name not in known]:
        children = ", ".join(name for name, _ in model.network.named_children())
        raise BadInput(
            f"extractor: {asked.model} has no module {unknown[0]!r}; it has {children}, and what "
            "these have, as low.1"
        )
    return {name: known[name] for name in asked.layers}


def covered(inside: Mask | None, maps: Tensor) -> Tensor:
    """How much of each place of maps (1, F, h, w) counts, (1, 1, h, w); all, if nothing does."""
    if inside is None or not inside.any():
        return torch.ones(1, 1, *maps.shape[-2:])
    whole = torch.from_numpy(inside)[None, None].float()
    return nn.functional.interpolate(whole, maps.shape[-2:], mode="area")


def gram(maps: Tensor, shares: Tensor) -> Tensor:
    """The inner products (F, F) of maps (1, F, h, w), summed over places and divided by nothing."""
    rows = (maps * shares).flatten(2)[0]
    return rows @ maps.flatten(2)[0].T
