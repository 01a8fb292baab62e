"""Weights for backbones of timm: downloaded by timm, brought by a package, or in a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from pipeline.model import packages
from pipeline.model.recipe import Normalisation
from pipeline.model.weights import fitting, state_of
from pipeline.runtime.files import BadInput

Build = Callable[..., Any]
"""timm's maker of a feature extractor, by name."""


def pretrained_body(
    build: Build, name: str, pretrained: str | Literal[True]
) -> tuple[Any, Normalisation]:
    """timm's feature extractor of a network with these weights, and what images they want.

    `pretrained` is true or a tag of timm's, `package:` and a name, or a file: a state dict of
    timm's. A file does not say how images were normalised: as for timm's default weights of the
    network. Raises BadInput.
    """
    if pretrained is True or not _in_a_file(pretrained):
        return _downloaded(build, name, pretrained)
    body, whole = build(name), _whole(name)
    if pretrained.startswith(packages.PREFIX):
        row, path = packages.located(pretrained)
        state, norm = row.rename(state_of(path), whole), row.normalisation
    else:
        path = Path(pretrained)
        state, norm = state_of(path), _normalisation(name)
    _load(body, name, path, state, whole)
    return body, norm


def _in_a_file(pretrained: str) -> bool:
    return pretrained.startswith(packages.PREFIX) or Path(pretrained).is_file()


def _downloaded(
    build: Build, name: str, pretrained: str | Literal[True]
) -> tuple[Any, Normalisation]:
    full = name if pretrained is True else f"{name}.{pretrained}"
    try:
        return build(full, pretrained=True), _normalisation(full)
    except (OSError, RuntimeError) as error:  # no internet, or another file than was promised
        where = _config(full).url or _config(full).hf_hub_id
        raise BadInput(
            f"pretrained={pretrained!r}: {where} cannot be downloaded "
            f"({str(error).splitlines()[0]}); fetch it where there is internet, and name its file "
            "here as pretrained"
        ) from error


def _normalisation(full: str) -> Normalisation:
    """Of timm's weights, by the network's name and their tag."""
    config = _config(full)
    return Normalisation(config.mean, config.std) if config else Normalisation()


def _config(full: str) -> Any:
    """What timm knows of weights, or of a network's default ones; None where there are none."""
    import timm

    return timm.get_pretrained_cfg(full)


def _load(
    body: Any, name: str, path: Path, state: Mapping[str, Tensor], whole: Mapping[str, Tensor]
) -> None:
    """A state dict of the `whole` network, strictly but for the classifier."""
    given = getattr(_config(name), "classifier", None) or ()
    heads = tuple(f"{head}." for head in ([given] if isinstance(given, str) else given))
    kept = {key: value for key, value in state.items() if not key.startswith(heads)}
    kept = fitting(path, f"timm/{name}", kept, whole)
    body.load_state_dict({key: kept[_nested(key, kept)] for key in body.state_dict()})


def _whole(name: str) -> dict[str, Tensor]:
    """Names and shapes of a network of timm's, without its classifier."""
    import timm

    with torch.device("meta"):
        state: dict[str, Tensor] = timm.create_model(name, num_classes=0).state_dict()
    return state


def _nested(key: str, names: Mapping[str, Tensor]) -> str:
    """A name of a feature extractor in the network: `stages_0.` may be `stages.0.` there."""
    return key if key in names else re.sub(r"^([a-z]+)_(\d+)\.", r"\1.\2.", key)
