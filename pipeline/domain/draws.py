"""Batches drawn by seed and step alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from pipeline.domain.augment import Augment
from pipeline.domain.batches import Batch, Labelled, Sides, Source
from pipeline.runtime.files import BadInput


class Draws(Dataset[Batch]):
    """Step -> Batch, a pure function of (seed, step): no loader's state decides what is drawn.

    The members of a side take turns, from one sample to the next and over all steps; every image
    of a member is drawn once before any is drawn again. With several processes, each takes a run
    of the batch's positions, so that it sees the members in turn too. `rare` classes are mined in
    the target.
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
        if any(side and side[1] and not all(map(len, side[0])) for side in sides):
            raise BadInput("a side to train on has no image; run dvc repro source")
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
        drawn = [self._drawn(number, side[0], step * side[1] + at) for at in self._own(side[1])]
        views = [
            self.augment(
                of.image(index), of.label(index), (self.seed, number, step, position),
                self.rare[number],
            )
            for (of, index, _), position in zip(drawn, self._own(side[1]), strict=True)
        ]  # fmt: skip
        images, labels, windows = (torch.stack(part) for part in zip(*views, strict=True))
        names = [of.samples[index].image for of, index, _ in drawn]
        origins = torch.tensor([origin for _, _, origin in drawn])
        found = Labelled(images, labels.long(), names, windows, origins)
        if getattr(side[0][0], "logits", None) is None:
            return found
        stored = [of.logits[index] for of, index, _ in drawn]  # type: ignore[attr-defined]
        grids = torch.stack([torch.from_numpy(one.logits.copy()) for one in stored])
        return found._replace(logits=grids, over=torch.tensor([one.window for one in stored]))

    def _own(self, count: int) -> range:
        """The positions of a batch that are of this process."""
        own = count // self.ranks
        return range(self.rank * own, (self.rank + 1) * own)

    def _drawn(self, number: int, members: Sequence[Source], draw: int) -> tuple[Source, int, int]:
        """Which member's turn it is, which of its samples is drawn, and the member's number."""
        turn, origin = divmod(draw, len(members))
        pass_, place = divmod(turn, len(members[origin]))
        key = (self.seed, number, pass_)
        # five numbers: four are the key of a view
        order = np.random.default_rng((*key, 0, origin) if origin else key)
        index = order.permutation(len(members[origin]))[place]
        return members[origin], int(index), origin
