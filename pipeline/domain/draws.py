"""Batches drawn by seed and step alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from pipeline.domain.augment import Augment
from pipeline.domain.batches import Batch, Labelled, Sides
from pipeline.runtime.files import BadInput


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
        found = [logits[index] for index in indices]
        grids = torch.stack([torch.from_numpy(one.logits.copy()) for one in found])
        over = torch.tensor([one.window for one in found])
        return Labelled(images, labels.long(), names, windows, grids, over)

    def _index(self, number: int, draw: int, size: int) -> int:
        pass_, place = divmod(draw, size)
        order = np.random.default_rng((self.seed, number, pass_)).permutation(size)
        return int(order[place])
