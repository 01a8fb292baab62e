"""Files of weights, this project's and others': read without running what is in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from pipeline.runtime.files import BadInput, readable


def load_into(network: nn.Module, path: Path) -> None:
    """A state dict's values, by the network's own names or by those that its `rename` knows.

    Raises BadInput, and loads nothing, where a name, a shape or a value does not fit.
    """
    prefix = re.compile(r"(module\.)?(network\.)?")  # DataParallel's, and Model's
    state = {prefix.sub("", key, count=1): value for key, value in state_of(path).items()}
    rename: Callable[[dict[str, Tensor]], dict[str, Tensor]] = getattr(network, "rename", dict)
    try:
        state = rename(state)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    network.load_state_dict(fitting(path, type(network).__module__, state, network.state_dict()))


def fitting(
    path: Path, what: str, state: Mapping[str, Tensor], own: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """`state` of a file, which has the names and shapes of `own`, those of `what`, and is finite.

    Raises BadInput that names what is missing, unexpected, or of another shape.
    """
    counts = {k: v for k, v in own.items() if k.endswith(".num_batches_tracked")}
    state = {**counts, **state}  # torch 0.3 did not count
    missing, unexpected = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    shapes = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(own[key].shape)}"
        for key in sorted(own.keys() & state.keys())
        if own[key].shape != state[key].shape
    ]
    if missing or unexpected or shapes:
        raise BadInput(
            f"{path}: does not fit {what}: "
            f"missing {missing[:3]}, unexpected {unexpected[:3]}, other shapes {shapes[:3]} "
            f"({len(missing)}, {len(unexpected)}, {len(shapes)} in all)"
        )
    check_finite(path, state, "of no use")
    return state


def state_of(path: Path) -> dict[str, Tensor]:
    """The state dict of a file, or of a model that `save` wrote."""
    content = loaded(path)
    state = content.get("weights", content) if isinstance(content, dict) else content
    if not isinstance(state, dict):
        raise BadInput(f"{path}: holds no state dict but {type(state).__name__}")
    wrong = [key for key, value in state.items() if not isinstance(value, Tensor)]
    if wrong:
        raise BadInput(f"{path}: is no state dict: {wrong[:3]} are no tensors")
    return state


def check_finite(path: Path, weights: Mapping[str, Tensor], end: str) -> None:
    """Raises BadInput that names the file, its `end` and the tensors that are not finite."""
    if wrong := [key for key, value in weights.items() if not value.isfinite().all()]:
        raise BadInput(
            f"{path}: {end}, as weights are NaN or infinite ({', '.join(wrong[:3])}, {len(wrong)} "
            f"of {len(weights)} tensors); train it again, with a lower training.optimiser.lr"
        )


def loaded(path: Path) -> Any:
    """What torch.save or safetensors wrote, on the CPU. Raises BadInput naming any other file."""
    if not path.exists():
        raise BadInput(f"{path}: no such file")
    with readable(path, "weights", "name another file, or run dvc repro, which makes it again"):
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
