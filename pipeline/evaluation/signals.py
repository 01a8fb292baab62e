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
_OF_IMAGE = 100  # SND's: cells of one image that are compared with each other


def signals(grids: Iterable[Tensor], images: int, seed: int = 0) -> dict[str, float]:
    """Over logits (C, h, w) of `images` images, each on its network's own grid.

    `entropy`: mean normalised entropy, 0 to 1, lower is better. `information`: normalised entropy
    of the mean prediction less `entropy`, higher is better (information maximisation).
    `neighbourhood`: the soft neighbourhood density of a sample of all images' cells, in nats,
    higher is better. `neighbourhood_image`: the mean over images of that of 100 cells of each, as
    its authors have it (Saito et al., 2021; their pixels are of logits at the image's size). A
    model that predicts one class everywhere is sure and dense: only `information` sees that.
    """
    pooled, own = np.random.default_rng(seed), np.random.default_rng((seed, 1))
    each = -(-_SAMPLE // images)
    total, uncertain, cells, sampled, densities = None, 0.0, 0, [], []
    for grid in grids:
        p = grid.detach().double().softmax(0).flatten(1).T  # (cells, C)
        total = p.sum(0) if total is None else total + p.sum(0)
        uncertain += float(_entropy(p).sum())
        cells += len(p)
        sampled.append(_some(p, each, pooled))
        densities.append(neighbourhood(_some(p, _OF_IMAGE, own), itself=True))
    assert total is not None
    scale = math.log(max(len(total), 2))
    entropy = uncertain / cells / scale
    information = float(_entropy(total / cells)) / scale - entropy
    return {
        "entropy": round(entropy, 6),
        "information": round(information, 6),
        "neighbourhood": round(neighbourhood(torch.cat(sampled)[:_SAMPLE]), 6),
        "neighbourhood_image": round(sum(densities) / len(densities), 6),
    }


def neighbourhood(p: Tensor, itself: bool = False) -> float:
    """Soft neighbourhood density of predictions (n, C): from 0 to log(n - 1).

    The mean entropy, in nats, of each one's softmax over its cosine similarity to the others at
    temperature 0.05; to `itself` too, as in its authors' code for segmentation: then to log(n).
    """
    unit = F.normalize(p, dim=1)
    similar = unit @ unit.T / _TEMPERATURE
    if not itself:
        similar.fill_diagonal_(-torch.inf)
    return float(_entropy(similar.softmax(1)).mean())


def _some(p: Tensor, count: int, rng: np.random.Generator) -> Tensor:
    return p[rng.choice(len(p), min(count, len(p)), replace=False)]


def _entropy(p: Tensor) -> Tensor:
    found: Tensor = torch.special.entr(p).sum(-1)
    return found
