"""Generators of both directions, each of which leads back from where the other went."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol

from torch import Tensor, nn

from pipeline.domain.batches import Batch, Labelled
from pipeline.training.directions import Pair, To
from pipeline.training.generators import Networks
from pipeline.training.objective import Loss
from pipeline.training.trained import Trained
from pipeline.training.translation import apart, scaled


class Way(NamedTuple):
    """A side of a batch, what it was translated to and, by the other generator, back again."""

    side: Labelled
    images: Tensor  # (N, 3, H, W) in [-1, 1], as what was made of them
    made: Tensor
    back: Tensor


class Judging(Protocol):
    """Discriminators that the generators are to fool, such as adversarial.Level."""

    @property
    def name(self) -> str:
        """Of its terms: "_target"."""

    def fooled(self) -> Tensor:
        """The generators' loss."""

    def told(self) -> Loss:
        """The discriminators'."""


class Cycle(Trained):
    """CycleGAN (Zhu et al., 2017): adversaries in both domains, and images that come back.

    `cycle` weighs the mean absolute difference to what came back, `identity` that of an image and
    what the generator of its own domain makes of it. A subclass adds terms.
    """

    def __init__(self, networks: Networks, cycle: float, identity: float) -> None:
        super().__init__(networks, "_target", "_source")
        self.cycle, self.identity = cycle, identity

    def network(self) -> nn.Module:
        """Generators of both directions."""
        return Pair(self.networks)

    def levels(self, model: Callable[..., Tensor], source: Way, target: Way) -> list[Judging]:
        """The discriminators of both domains."""
        return [
            self.level("_target", target.images, source.made),
            self.level("_source", source.images, target.made),
        ]

    def more(self, source: Way, target: Way) -> Mapping[str, Tensor]:
        """Further terms of the generators."""
        return {}

    def along(self, source: Way, target: Way) -> Iterator[Loss]:
        """Losses of what else learns."""
        yield from ()

    def losses(self, model: Callable[..., Tensor], batch: Batch) -> Iterator[Loss]:
        """Terms of the generators, then `told_target` and `told_source` of the discriminators."""
        assert batch.source is not None
        assert batch.target is not None
        source = _gone(model, batch.source, "target", "source")
        target = _gone(model, batch.target, "source", "target")
        levels = self.levels(model, source, target)
        terms = {f"adversarial{level.name}": level.fooled() for level in levels}
        returned = apart(source.back, source.images) + apart(target.back, target.images)
        terms["cycle"] = self.cycle * returned
        if self.identity:
            own = apart(model(source.images, "source"), source.images)
            own = own + apart(model(target.images, "target"), target.images)
            terms["identity"] = self.identity * own
        yield Loss({**terms, **self.more(source, target)})
        for level in levels:
            yield level.told()
        yield from self.along(source, target)


def _gone(model: Callable[..., Tensor], side: Labelled, to: To, home: To) -> Way:
    images = scaled(side.images)
    made = model(images, to)
    return Way(side, images, made, model(made, home))
