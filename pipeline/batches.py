"""Batches of the source, the target and hard target images, drawn by seed and step alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from pipeline.augment import Augment
from pipeline.files import BadInput
from pipeline.samples import Pixels, Sample


class Source(Protocol):
    """Images with labels: a domain, or a domain with pseudo-labels in place of its own."""

    @property
    def samples(self) -> Sequence[Sample]:
        """Their names and sizes."""

    def __len__(self) -> int: ...

    def image(self, index: int) -> Pixels:
        """uint8 (height, width, 3) RGB."""

    def label(self, index: int) -> Pixels:
        """Train ids uint8 (height, width)."""


_NONE = 1e-9  # a share: what is left of 1 by rounding

Side = tuple[Source, int] | None
"""Where one side's samples come from, and how many of them are in a batch."""

Sides = tuple[Side, ...]
"""Source, target and, of some objectives, hard target images."""


class Labelled(NamedTuple):
    """Images uint8 (N, 3, H, W), train ids int64 (N, H, W), and where they come from.

    `windows` float32 (N, 4): where each crop lies in its image (see augment.View). Where labels may
    be soft, the teacher's logits float16 (N, C, h, w) over the whole images.
    """

    images: Tensor
    labels: Tensor
    names: list[str]
    windows: Tensor
    logits: Tensor | None = None


class Batch(NamedTuple):
    """Any side may be absent: no target in pretraining, no source in IntraDA.

    `hard` are target images that are only aligned: their labels are not used.
    """

    source: Labelled | None
    target: Labelled | None
    hard: Labelled | None = None


class Draws(Dataset[Batch]):
    """Step -> Batch, a pure function of (seed, step): no loader's state decides what is drawn.

    Every image of a side is drawn once before any is drawn again. With several processes, each
    takes its own `rank`-th of the batch's positions. `rare` classes are mined in the target.
    """

    def __init__(
        self,
        sides: Sides,
        augment: Augment,
        seed: int,
        rank: int = 0,
        ranks: int = 1,
        rare: Sequence[int] = (),
    ) -> None:
        self.sides = sides
        if any(side and side[1] and not len(side[0]) for side in sides):
            raise BadInput("a side to train on has no image; run dvc repro prepare")
        for _, count in filter(None, self.sides):
            if count % ranks:  # means over images would weigh those of some processes more
                raise BadInput(
                    f"{count} samples of a side in a batch for {ranks} processes; choose "
                    "training.batch and the shares so that each process has as many"
                )
        self.augment = augment
        self.seed = seed
        self.rank, self.ranks = rank, ranks
        self.rare = [(), rare, ()]

    def __getitem__(self, step: int) -> Batch:
        return Batch(*(self._side(number, step) for number in range(len(self.sides))))

    def _side(self, number: int, step: int) -> Labelled | None:
        side = self.sides[number]
        if side is None or side[1] == 0:
            return None
        of, count = side
        positions = range(self.rank, count, self.ranks)
        indices = [self._index(number, step * count + position, len(of)) for position in positions]
        views = [
            self.augment(
                of.image(index), of.label(index), (self.seed, number, step, position),
                self.rare[number],
            )
            for index, position in zip(indices, positions, strict=True)
        ]  # fmt: skip
        images, labels, windows = (torch.stack(part) for part in zip(*views, strict=True))
        names = [of.samples[index].image for index in indices]
        logits = getattr(of, "logits", None)
        if logits is None:
            return Labelled(images, labels.long(), names, windows)
        grids = torch.stack([torch.from_numpy(logits[index].logits.copy()) for index in indices])
        return Labelled(images, labels.long(), names, windows, grids)

    def _index(self, number: int, draw: int, size: int) -> int:
        pass_, place = divmod(draw, size)
        order = np.random.default_rng((self.seed, number, pass_)).permutation(size)
        return int(order[place])


def shares(
    source: Source,
    target: Source,
    batch: int,
    source_share: float,
    hard: Source | None = None,
    hard_share: float = 0.0,
) -> Sides:
    """`source_share` and `hard_share` of each batch (rounded); the rest is the target.

    Raises BadInput where that leaves a side that has a share without any sample.
    """
    count, hards = round(batch * source_share), round(batch * hard_share)
    counts = {"source": count, "hard": hards, "target": batch - count - hards}
    given = {"source": source_share, "hard": hard_share, "target": 1 - source_share - hard_share}
    if empty := [side for side, own in given.items() if own > _NONE and counts[side] < 1]:
        raise BadInput(
            f"training.batch = {batch}: too small to hold a {' and a '.join(empty)} image with "
            f"source_share {source_share} and hard_share {hard_share}; raise it, or change these"
        )
    aligned = None if hard is None else (hard, hards)
    return (source, count), (target, batch - count - hards), aligned
