"""How far the moments of several sources' features lie from the target's, and from each other's."""

from __future__ import annotations

from itertools import combinations
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.domain.taxonomy import IGNORE
from pipeline.training.adversarial import Seen
from pipeline.training.sources import means

Samples = Literal["images", "cells", "classes"]
"""Of what the moments are: images' mean features, or all cells, or the cells of each class."""


def weights(seen: Seen, labels: Tensor, classes: int, samples: Samples) -> tuple[Tensor, Tensor]:
    """Features (N, F, P) and how much each counts in each of K moments, (N, K, P).

    `labels` int64 (N, H, W). P is 1 for images, whose features are means over what is no padding.
    """
    features, size = seen.maps.flatten(2), seen.maps.shape[-2:]
    within = seen.shares(seen.maps).flatten(2)
    if samples == "images":
        share = within.sum(2, keepdim=True)
        pooled = (features * within).sum(2, keepdim=True) / share.clamp(min=1e-9)
        return pooled, (share > 0).float()
    if samples == "cells":
        return features, within
    inside = seen.within & (labels != IGNORE)
    hot = F.one_hot(labels.masked_fill(~inside, 0), classes) * inside[..., None]
    shares = F.interpolate(hot.permute(0, 3, 1, 2).float(), size, mode="area")
    return features, shares.flatten(2)


Moment = tuple[Tensor, Tensor]
"""Means (M, K, F) of the features of M domains, and bool (M, K), which there are."""


def moment(features: Tensor, shares: Tensor, power: int, origins: Tensor, sources: int) -> Moment:
    """E[x^power], element by element, of each source and each of the K: see `weights`."""
    totals = torch.einsum("nkp,nfp->nkf", shares, features**power)
    return means(totals, shares.sum(2), origins, sources)


def distance(source: Moment, target: Moment) -> Tensor:
    """The mean distance of each source's moment to the target's, and that of each two sources.

    Peng et al., 2019, equation 1, of one power; over those of the K that both have, and 0 where
    nothing can be compared.
    """
    (own, there), (other, also) = source, target
    count, nothing = len(own), own.new_zeros(())
    to_target = [(own[i] - other[0], there[i] & also[0]) for i in range(count)]
    to_each = [(own[i] - own[j], there[i] & there[j]) for i, j in combinations(range(count), 2)]
    return _mean(to_target) + (_mean(to_each) if to_each else nothing)


def _mean(pairs: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Of the lengths of differences (K, F), of the pairs that are there, bool (K)."""
    apart = torch.stack([gap.norm(dim=-1) for gap, _ in pairs])
    both = torch.stack([there for _, there in pairs])
    return (apart * both).sum() / both.sum().clamp(min=1)
