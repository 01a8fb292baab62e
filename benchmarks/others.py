"""The ways that pseudo-labels are compared with: public code, plain torch, float64."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from pipeline.domain import pictures
from pipeline.domain.taxonomy import CITYSCAPES, IGNORE
from pipeline.inference.predictions import Prediction, Predictions

Array = np.ndarray[Any, Any]
CLASSES = len(CITYSCAPES)


def on_threads(work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """As many threads as this project's own pass has; torch's own must be one."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, items))


def probabilities(grid: Array, height: int, width: int) -> torch.Tensor:
    """(C, h, w) logits to float32 (C, height, width) probabilities."""
    logits = torch.from_numpy(grid.astype(np.float32))[None]
    return F.interpolate(logits, (height, width), mode="bilinear").softmax(1)[0]


def public(images: Sequence[Prediction], portion: float, folder: Path) -> None:
    """As public code for CBST does it: whole maps in files, confidences in lists, sorted.

    Logits are given (the network's part); every fourth confidence of a class is kept; labels and
    coloured PNGs come from a second pass over the maps.
    """
    found: list[list[float]] = [[] for _ in range(CLASSES)]

    def first(image: Prediction) -> None:
        p = probabilities(image.logits, image.height, image.width).permute(1, 2, 0).numpy()
        np.save(folder / f"{image.image}.npy", p)
        predicted, sure = p.argmax(2), p.max(2)
        for c in range(CLASSES):
            found[c].extend(sure[predicted == c][::4])

    def second(image: Prediction) -> None:
        weighted = np.load(folder / f"{image.image}.npy") / lambdas
        label = weighted.argmax(2).astype(np.uint8)
        label[weighted.max(2) < 1] = IGNORE
        Image.fromarray(label).save(folder / f"{image.image}.png")
        coloured = pictures.colourise(label, CITYSCAPES.colours)
        Image.fromarray(coloured).save(folder / f"{image.image}_colour.png")

    on_threads(first, images)
    lambdas = np.ones(CLASSES, np.float32)
    for c, values in enumerate(found):
        values.sort(reverse=True)
        if rank := int(len(values) * portion):
            lambdas[c] = values[rank - 1]
    on_threads(second, images)


def plain_torch(stored: Predictions, portion: float, folder: Path) -> None:
    """Two passes in torch over the stored logits: histograms of 2^16 bins a class, then labels."""
    bins = 1 << 16

    def histogram(index: int) -> torch.Tensor:
        image = stored[index]
        sure, predicted = probabilities(image.logits, image.height, image.width).max(0)
        place = (sure * (bins - 1)).long() + predicted * bins
        return torch.bincount(place.ravel(), minlength=CLASSES * bins)

    def label(index: int) -> None:
        image = stored[index]
        p = probabilities(image.logits, image.height, image.width)
        weight, chosen = (p / lambdas[:, None, None]).max(0)
        made = chosen.to(torch.uint8).masked_fill_(weight < 1, IGNORE).numpy()
        pictures.write_label(folder / f"{index}.png", made, CITYSCAPES.colours)

    counts = torch.stack(on_threads(histogram, range(len(stored)))).sum(0).view(CLASSES, bins)
    above = counts.flip(1).cumsum(1)
    rank = (counts.sum(1) * portion).long()
    place = (above < rank[:, None]).sum(1)
    lambdas = torch.where(rank > 0, (bins - 1 - place) / (bins - 1), 1.0).float()
    on_threads(label, range(len(stored)))


def upsampled(grid: Array, height: int, width: int) -> Array:
    """float64 (C, h, w) to (C, height, width), bilinear with half-pixel centres."""
    maps = torch.from_numpy(grid.astype(np.float64))[None]
    return F.interpolate(maps, (height, width), mode="bilinear")[0].numpy()


def scores(a: Array) -> tuple[Array, Array]:
    """Class and k = -log max p of logits float64 (C, H, W), exact where p is next to 1."""
    below = np.sort(a - a.max(0), axis=0)[:-1]
    return a.argmax(0), np.log1p(np.exp(below).sum(0))


def sorted_k(k: Array, portion: float) -> float:
    """A class's threshold: the floor(N p)-th smallest of its N scores, 0 (lambda = 1) if none."""
    rank = int(np.floor(k.size * portion))
    return float(np.sort(k, axis=None)[rank - 1]) if rank else 0.0


def weighted(a: Array, k: Array) -> Array:
    """Labels by argmax_c p_c / lambda_c in float64; `k` is 0 for a class that is not taken."""
    top = a.max(0)
    log_p = a - top - np.log(np.exp(a - top).sum(0))
    weight = log_p + k[:, None, None]
    label = weight.argmax(0).astype(np.uint8)
    label[~(weight.max(0) >= 0)] = IGNORE
    return label
