"""Options that name a backbone and its weights: torchvision's, timm's or a package's."""

from __future__ import annotations

from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator
from pydantic_core import PydanticCustomError

from pipeline.model import packages
from pipeline.runtime.params import Section

PREFIX = "timm/"
"""What option `backbone` begins with, where it names a network of timm's."""

_FAMILIES = ("efficientnet", "mobilenetv3", "resnet", "convnext")  # timm's modules
_USUAL = ("tf_efficientnet_lite0", "resnet18")

Pretrained = str | Literal[True] | None
"""An option: torchvision's or timm's name of weights (true: the default), `package:...`, a file."""


def _known(torchvisions: tuple[str, ...], backbone: str) -> str:
    """`backbone`, if it is one of these, or one of timm's whose strides can become dilations."""
    if backbone in torchvisions or backbone in _timms(backbone):
        return backbone
    own = ", ".join(map(repr, torchvisions))
    told = f"Input should be {own} or {PREFIX}<name>"
    if backbone.startswith(PREFIX):
        network, dot, _ = backbone.partition(".")
        near = get_close_matches(network, _timms(backbone)) or [PREFIX + name for name in _USUAL]
        told = (
            "it is none of timm's EfficientNets, MobileNets, ResNets and ConvNeXts, whose strides "
            f"can become dilations; choose such as {', '.join(near)}"
            + (", and name the weights as pretrained" if dot else "")
        )
    raise PydanticCustomError("backbone", "{told}", {"told": told})


def _timms(backbone: str) -> list[str]:
    if not backbone.startswith(PREFIX):
        return []  # importing timm takes a second
    import timm

    return [PREFIX + name for name in timm.list_models(module=_FAMILIES)]


ResNet = Annotated[str, AfterValidator(partial(_known, ("resnet50", "resnet101")))]
"""An option: a ResNet of torchvision's, or a backbone of timm's."""

Name = Annotated[str, AfterValidator(partial(_known, ("resnet50", "resnet101", "mobilenet")))]
"""An option: as ResNet, or torchvision's MobileNetV3."""


def contradiction(backbone: str, pretrained: Pretrained) -> str | None:
    """What is wrong with these two together: weights that there are not, or not of this network."""
    if pretrained is None:
        return None
    if isinstance(pretrained, str) and pretrained.startswith(packages.PREFIX):
        return packages.contradiction(backbone, pretrained)
    if backbone.startswith(PREFIX):
        return _unknown(backbone, pretrained)
    return None  # torchvision's names are `backbones.weights`' to refuse


class Backbone(Section):
    """A backbone with weights, to look at images by; docs/networks.md has what there is."""

    backbone: Name
    pretrained: Pretrained

    @model_validator(mode="after")
    def _fit(self) -> Backbone:
        if told := contradiction(self.backbone, self.pretrained):
            raise ValueError(told)
        return self


def _unknown(backbone: str, pretrained: str | Literal[True]) -> str | None:
    """What there is instead of weights that are neither timm's nor a file."""
    known = _tags(backbone.removeprefix(PREFIX))
    if pretrained in known or (pretrained is True and known) or Path(str(pretrained)).is_file():
        return None
    of_packages = [packages.PREFIX + name for name, row in packages.PACKAGES.items()
                   if row.backbone == backbone]  # fmt: skip
    choices = [*(["true"] if known else []), *known, *of_packages, "a file that is there"]
    return (
        f"option pretrained={pretrained!r}: timm has no such weights of {backbone}, and there is "
        f"no such file; choose {', '.join(choices)}"
    )


def _tags(name: str) -> list[str]:
    """timm's names of the weights that it can download for a network."""
    from timm.models import get_arch_pretrained_cfgs

    found = get_arch_pretrained_cfgs(name).items()
    return [key.partition(".")[2] for key, config in found if config.has_weights]
