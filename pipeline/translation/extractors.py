"""What looks at images for a translator: a backbone, or a model of this project."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from copy import deepcopy
from typing import Annotated, Any

import torch
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError
from torch import Tensor, nn

from pipeline.domain.pixels import Mask
from pipeline.model.backbone_names import Backbone
from pipeline.model.model import Mean, Model
from pipeline.model.stages import Normalised, Stages
from pipeline.runtime.files import BadInput
from pipeline.runtime.params import Section


class Layers(Section):
    """The modules of a model's network whose maps are looked at.

    null: its first convolution, and what its classifier reads.
    """

    layers: Annotated[list[str], Field(min_length=1)] | None = None


def _older(given: Any) -> Any:
    if isinstance(given, Mapping) and "model" in given:
        raise PydanticCustomError(
            "older", "a model is named, without its folder, as fit_translator.segmenter now; name "
            "it there, and leave model out here"
        )  # fmt: skip
    return given


Extractor = Annotated[Backbone | Layers | None, BeforeValidator(_older)]
"""A backbone, or which layers of the stage's segmenter; None: those that Layers has."""


def built(asked: Backbone | Layers | None, segmenter: Model | None) -> nn.Module:
    """Images float (N, 3, H, W) of 0 to 255 to a list of maps (N, F, h, w), the same each time.

    Raises BadInput where there is neither a backbone nor a model, for a model that is a mean of
    two, and for a module that it has not.
    """
    if isinstance(asked, Backbone):
        made: nn.Module = Normalised(Stages(asked.backbone, asked.pretrained))
    elif segmenter is None:
        raise BadInput(
            "appearance: nothing looks at its images; name a model as fit_translator.segmenter, or "
            "give options.extractor a backbone"
        )
    else:
        made = OfModel(asked or Layers(), segmenter)
    return made.eval().requires_grad_(False)


class OfModel(nn.Module):
    """The maps of a model's modules, in the order of `layers`; called from several threads."""

    def __init__(self, asked: Layers, model: Model) -> None:
        super().__init__()
        if isinstance(model, Mean):
            raise BadInput(
                "fit_translator.segmenter: is a mean of two models; name one of them to look at "
                "images"
            )
        self.model, self.layers = deepcopy(model), asked.layers  # whose hooks are its own
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


def _parts(model: Model, asked: Layers) -> dict[str, nn.Module]:
    known = dict(model.network.named_modules())
    if asked.layers is None:
        convolutions = (name for name, part in known.items() if isinstance(part, nn.Conv2d))
        return {(name := next(convolutions)): known[name]}
    if unknown := [name for name in asked.layers if name not in known]:
        children = ", ".join(name for name, _ in model.network.named_children())
        raise BadInput(
            f"extractor: the segmenter has no module {unknown[0]!r}; it has {children}, and what "
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
