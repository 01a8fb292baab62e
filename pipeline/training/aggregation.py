"""What brings the translations of several sources together: MADAN's discriminators between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.training.adversarial import Judge, Level, judged
from pipeline.training.objective import Loss
from pipeline.training.sources import means
from pipeline.training.translation import whole


def own(discriminators: nn.Module, origins: Tensor, images: Tensor) -> Tensor:
    """What of (N, M, h, w) the discriminator of each image's own source says, (N, 1, h, w)."""
    found = discriminators(images)
    chosen: Tensor = found[torch.arange(len(origins), device=origins.device), origins][:, None]
    return chosen


def by_source(
    discriminators: nn.Module, origins: Tensor, real: Tensor, made: Tensor, name: str
) -> Level:
    """Between images (N, 3, H, W) of each source and made ones, both of the same `origins`."""
    judge: Judge = partial(own, discriminators, origins)
    return Level(judge, whole(real), whole(made.float()), 1.0, name, square=True)


@dataclass(frozen=True)
class Crossed:
    """The cross-domain cycle discriminator (CCD): source i's own, on what came back from others.

    An image of another source went to the target by its own generator, and from there to source i:
    `made` (N, 3, H, W), `others` int64 (N) which i each is of. It is to be taken for one of i.
    """

    discriminators: nn.Module  # those that tell images of a source from what is made of the target
    real: Tensor
    origins: Tensor
    made: Tensor
    others: Tensor
    weight: float
    name: str = "_cross"

    def fooled(self) -> Tensor:
        """The generators' loss: both of those that an image went through."""
        judge = partial(own, self.discriminators, self.others)
        loss, _ = judged(judge, whole(self.made.float()), 1.0, square=True)
        return self.weight * loss

    def told(self) -> Loss:
        """Half of each side, as of any Level."""
        sides = ((self.origins, self.real, 1.0), (self.others, self.made.detach().float(), 0.0))
        (one, right), (other, told) = (
            judged(partial(own, self.discriminators, of), whole(images), side, square=True)
            for of, images, side in sides
        )
        seen = {f"accuracy{self.name}": (right + told) / 2}
        return Loss({f"told{self.name}": (one + other) / 2}, "discriminator_source", seen)


@dataclass(frozen=True)
class Alike:
    """The sub-domain aggregation discriminators (SAD): one for each of M sources.

    That of i tells translations of source i (1) from those of the others (0), by squares: a mean
    over its own and one over the means of the M - 1 others. The generators' loss has both the other
    way round, so that each source's translations move towards the others'.
    """

    discriminators: nn.Module
    made: Tensor  # (N, 3, H, W): all translations
    origins: Tensor
    sources: int
    weight: float
    name: str = "_alike"

    def fooled(self) -> Tensor:
        """The generators' loss."""
        found, aims = self._judged(self.made.float())
        return self.weight * self._mean((found - 1 + aims).square())

    def told(self) -> Loss:
        """The discriminators': half of each side."""
        found, aims = self._judged(self.made.detach().float())
        right = self._mean(((found > aims.new_tensor(0.5)) == (aims > 0)).float()).detach() / 2
        loss = self._mean((found - aims).square()) / 2
        name = f"discriminator{self.name}"
        return Loss({f"told{self.name}": loss}, name, {f"accuracy{self.name}": right})

    def _judged(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """What all say, (N, M, h, w), and what they should, (N, M, 1, 1)."""
        aims = F.one_hot(self.origins, self.sources).float()[:, :, None, None]
        return self.discriminators(images), aims

    def _mean(self, each: Tensor) -> Tensor:
        """Over the M of (N, M, h, w): a mean over its own source, and one over the others."""
        errors = each.mean((2, 3))
        of, _ = means(errors, torch.ones_like(errors[:, 0]), self.origins, self.sources)
        mine = of.diagonal()
        return (mine + (of.sum(0) - mine) / (self.sources - 1)).mean()
