"""Several classifiers in a model: a second one, or one of each source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from pipeline.model.recipe import Recipe
from pipeline.runtime.files import BadInput


def of(network: nn.Module, name: str) -> nn.Module:
    """What makes logits of the features. Raises BadInput where nothing does."""
    if (classifier := getattr(network, "classifier", None)) is None:
        raise BadInput(
            f"{name}: has no classifier of its features to stand a second one "
            "beside; choose another network"
        )
    found: nn.Module = classifier
    return found


def others(network: nn.Module, recipe: Recipe) -> Iterator[nn.Module]:
    """Copies of the network or of its classifier, one for each source but the first."""
    yield from (deepcopy(network) for _ in range(recipe.networks - 1))
    yield from (deepcopy(of(network, recipe.network)) for _ in range(recipe.classifiers - 1))


def weighted(each: Sequence[Tensor], shares: Tensor) -> Tensor:
    """The logarithm of the sum of all probabilities, each times its share (M).

    Of M logits (N, C, h, w) on one grid; float32.
    """
    logs = torch.stack([logits.float().log_softmax(1) for logits in each])
    return torch.logsumexp(logs + shares.log().view(-1, 1, 1, 1, 1), 0)
