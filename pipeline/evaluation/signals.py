"""What a model's predictions say of it without any label."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

_TEMPERATURE = 0.05  # SND's
_SAMPLE = 2048  # cells of all images together that are compared with each other


def signals(grids: Iterable[Tensor], images: int, seed: int = 0) -> dict[str, float]:
    """Over logits (C, h, w) of `images` images, each on its network's own grid.

    `entropy`: mean normalised entropy, 0 to 1, lower is better. `information`: normalised entropy
    of the mean prediction less `entropy`, higher is better (information maximisation).
    `neighbourhood`: soft neighbourhood density, higher is better: the mean entropy, in nats, of
    each sampled prediction's softmax over its cosine similarity to the others at temperature 0.05
    (Saito et al., 2021). A model that predicts one class everywhere is sure and dense: only
    `information` sees that.
    """
    rng = np.random.default_rng(seed)
    each = -(-_SAMPLE // images)
    total, uncertain, cells, sampled = None, 0.0, 0, []
    for grid in grids:
        p = grid.detach().double().softmax(0).flatten(1).T  # (cells, C)
        total = p.sum(0) if total is None else total + p.sum(0)
        uncertain += float(_entropy(p).sum())
        cells += len(p)
        sampled.append(p[rng.choice(len(p), min(each, len(p)), replace=False)])
    assert total is not None
    scale = math.log(max(len(total), 2))
    entropy = uncertain / cells / scale
    information = float(_entropy(total / cells)) / scale - entropy
    return {
        "entropy": round(entropy, 6),
        "information": round(information, 6),
        "neighbourhood": round(neighbourhood(torch.cat(sampled)[:_SAMPLE]), 6),
    }


def neighbourhood(p: Tensor) -> float:
    """Soft neighbourhood density of predictions (n, C): from 0 to log(n - 1)."""
    unit = F.normalize(p, dim=1)
    similar = unit @ unit.T / _TEMPERATURE
    similar.fill_diagonal_(-torch.inf)
    return float(_entropy(similar.softmax(1)).mean())


def _entropy(p: Tensor) -> Tensor:
    found: Tensor = torch.special.entr(p).sum(-1)
    return found
