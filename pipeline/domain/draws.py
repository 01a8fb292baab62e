"""Batches drawn by seed and step alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from pipeline.domain.augment import Augment
from pipeline.domain.batches import Batch, Labelled, Sides, Source
from pipeline.domain.mixing import Mixing
from pipeline.domain.sampling import RareClasses, SamplingParams
from pipeline.domain.views import View
from pipeline.runtime.files import BadInput


class Drawn(NamedTuple):
    """A member of a side, which of its samples, the member's number, the class it was drawn for."""

    of: Source
    place: int
    origin: int
    wanted: int | None = None


def _seed(key: tuple[int, ...]) -> int:
    """For what is drawn of a sample beside its view: seven numbers, as no other key has."""
    made = np.random.SeedSequence((*key, 0, 0, 0)).generate_state(1, np.uint64)
    return int(made[0] >> 1)


class Draws(Dataset[Batch]):
    """Step -> Batch, a pure function of (seed, step): no loader's state decides what is drawn.

    The members of a side take turns, from one sample to the next and over all steps; every image
    of a member is drawn once before any is drawn again. With several processes, each takes a run
    of the batch's positions, so that it sees the members in turn too. `rare` classes are mined in
    the target. With `sampling` the source's images are drawn by their classes instead, with
    replacement. If `matched`, a target crop is drawn by the key of the source crop of its position,
    so that both lie at one place, of one scale, and are flipped alike.
    """

    def __init__(
        self,
        sides: Sides,
        augment: Augment,
        seed: int,
        rank: int = 0,
        ranks: int = 1,
        rare: Sequence[int] = (),
        mixing: Mixing | None = None,
        sampling: SamplingParams | None = None,
        matched: bool = False,
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
        self.mixing = mixing
        if mixing and len({side[1] if side else 0 for side in sides[:2]}) > 1:
            raise BadInput(
                "training.batch and source_share: each target image is mixed with a source image "
                "of its own; set source_share to 0.5, and batch to an even number"
            )
        self.sampling, self.matched = sampling, matched
        members = sides[0][0] if sampling and sides[0] else ()
        self.classes = [RareClasses(sampling, of.samples) for of in members] if sampling else []

    def __getitem__(self, step: int) -> Batch:
        found = Batch(*(self._side(number, step) for number in range(len(self.sides))))
        if self.mixing is None or self.sides[1] is None:
            return found
        return self.mixing(found, self.seed, step, self._own(self.sides[1][1]))

    def _side(self, number: int, step: int) -> Labelled | None:
        side = self.sides[number]
        if side is None or side[1] == 0:
            return None
        keys = [(self.seed, number, step, position) for position in self._own(side[1])]
        drawn = [self._drawn(key, side[0], step * side[1] + key[-1]) for key in keys]
        views = [self._view(key, one) for key, one in zip(keys, drawn, strict=True)]
        images, labels, windows = (torch.stack(part) for part in zip(*views, strict=True))
        names = [one.of.samples[one.place].image for one in drawn]
        origins = torch.tensor([one.origin for one in drawn])
        seeds = torch.tensor([_seed(key) for key in keys])
        found = Labelled(images, labels.long(), names, windows, origins, keys=seeds)
        if getattr(side[0][0], "logits", None) is None:
            return found
        stored = [one.of.logits[one.place] for one in drawn]  # type: ignore[attr-defined]
        grids = torch.stack([torch.from_numpy(one.logits.copy()) for one in stored])
        return found._replace(logits=grids, over=torch.tensor([one.window for one in stored]))

    def _own(self, count: int) -> range:
        """The positions of a batch that are of this process."""
        own = count // self.ranks
        return range(self.rank * own, (self.rank + 1) * own)

    def _drawn(self, key: tuple[int, ...], members: Sequence[Source], draw: int) -> Drawn:
        """A sample of the member whose turn it is."""
        turn, origin = divmod(draw, len(members))
        of, number = members[origin], key[1]
        if self.classes and number == 0:
            # six numbers: four are the key of a view, five that of an order
            wanted, place = self.classes[origin].draw((*key, 0, 0))
            return Drawn(of, place, origin, wanted)
        pass_, within = divmod(turn, len(of))
        by = (self.seed, number, pass_)
        # five numbers: four are the key of a view
        order = np.random.default_rng((*by, 0, origin) if origin else by)
        return Drawn(of, int(order.permutation(len(of))[within]), origin)

    def _view(self, key: tuple[int, ...], drawn: Drawn) -> View:
        """A crop, drawn anew while it holds too little of the class that it was drawn for."""
        image, label = drawn.of.image(drawn.place), drawn.of.label(drawn.place)
        own = (key[0], 0, *key[2:]) if self.matched else key
        view = self.augment(image, label, own, self.rare[key[1]])
        if drawn.wanted is None or self.sampling is None:
            return view
        for again in range(1, self.sampling.tries):
            if (view.label == drawn.wanted).float().mean() > self.sampling.crop:
                break
            view = self.augment(image, label, (*key, 0, again), self.rare[key[1]])
        return view
