"""Steps of the network and of adversaries that see its output maps, or its features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import ClassVar

from torch import Tensor, nn

from pipeline.domain.batches import Batch, Labelled
from pipeline.model.outputs import Outputs
from pipeline.training.adversarial import Level, Maps, Seen, align, maps
from pipeline.training.crops import inside
from pipeline.training.discriminators import Discriminator
from pipeline.training.losses import auxiliary, supervised
from pipeline.training.objective import Loss
from pipeline.training.passes import fixed_statistics


class _Alignment(ABC):
    """Supervised on one side, as which the other is to look, by what each discriminator sees.

    `levels`: of each discriminator by its name, "" or "_aux", with its weight. A subclass says what
    they see and which sides, and may add terms.
    """

    sides: ClassVar[tuple[str, ...]] = ("source", "target")
    labels: ClassVar[tuple[str, ...]] = ("source",)
    square = False

    def __init__(
        self, levels: Mapping[str, tuple[nn.Module, float]], aux: float, own_norm: bool
    ) -> None:
        self.modules = {f"discriminator{name}": module for name, (module, _) in levels.items()}
        self.weights = {name: weight for name, (_, weight) in levels.items()}
        self.aux, self.own_norm = aux, own_norm

    @abstractmethod
    def seen(self, outputs: Outputs, name: str, side: Labelled) -> Seen:
        """What the discriminator of that name judges."""

    def before(self, model: nn.Module, side: Labelled) -> Tensor | None:
        """What `more` compares the other side's outputs with, made before the model's pass."""
        return None

    def more(self, outputs: Outputs, side: Labelled, before: Tensor | None) -> dict[str, Tensor]:
        """Further terms of the other side and of the model's outputs for it."""
        return {}

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Terms named as the labelled side, `adversarial` and `told`, and those of `more`."""
        one, other = (getattr(batch, side) for side in self.sides)
        with fixed_statistics(model, self.own_norm):
            outputs = model(one.images)
        resembled = {name: self.seen(outputs, name, one).detach() for name in self.weights}
        yield Loss({self.sides[0]: supervised(outputs, one.labels, self.aux)})
        before = self.before(model, other)
        outputs = model(other.images)
        levels = [
            Level(self.modules[f"discriminator{name}"], resembled[name],
                  self.seen(outputs, name, other), weight, name, square=self.square)
            for name, weight in self.weights.items()
        ]  # fmt: skip
        yield from align(*levels, more=self.more(outputs, other, before))


class OutputAlignment(_Alignment):
    """By `of` the output maps, at one or two levels (Tsai et al., AdaptSegNet, 2018).

    `weights`: of the logits' level and, if not 0, of the auxiliary head's.
    """

    def __init__(
        self,
        classes: int,
        weights: tuple[float, float],
        aux: float,
        of: Maps,
        own_norm: bool = False,
        square: bool = False,
        width: int = 64,
    ) -> None:
        given = {"": weights[0]} | ({"_aux": weights[1]} if weights[1] else {})
        levels = {name: (Discriminator(classes, width), own) for name, own in given.items()}
        super().__init__(levels, aux, own_norm)
        self.of, self.square = of, square

    def seen(self, outputs: Outputs, name: str, side: Labelled) -> Seen:
        """Maps of the logits, or of the auxiliary ones."""
        logits, over = outputs.logits, outputs.over.logits
        if name:
            logits, over = auxiliary(outputs, "adversarial_aux"), outputs.over.aux
        return maps(logits, inside(side.windows, side.images.shape[-2:]), self.of, over)


class FeatureAlignment(_Alignment):
    """By the features, cell by cell (Hoffman et al., FCNs in the Wild, 2016; ROAD after it)."""

    def __init__(
        self, discriminator: nn.Module, adversarial: float, aux: float, own_norm: bool
    ) -> None:
        super().__init__({"": (discriminator, adversarial)}, aux, own_norm)

    def seen(self, outputs: Outputs, name: str, side: Labelled) -> Seen:
        """The features on their own grid, of which each cell is judged by itself."""
        assert outputs.features is not None
        return Seen(outputs.features.float(), inside(side.windows, side.images.shape[-2:]))
