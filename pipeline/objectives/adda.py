"""Scores or features that give no domain away, learnt while there is something to tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from pipeline.domain.batches import Batch, Labelled
from pipeline.model.outputs import Outputs
from pipeline.runtime.parts import Weight, Width
from pipeline.runtime.ranks import averaged
from pipeline.training.adversarial import Level, Seen
from pipeline.training.crops import inside
from pipeline.training.discriminators import DroppingDiscriminator
from pipeline.training.losses import supervised
from pipeline.training.objective import Loss
from pipeline.training.passes import fixed_statistics
from pipeline.training.recent import Recent


class Objective:
    """ADDA (Tzeng et al., CVPR 2017) in the form that CyCADA's code gives it for segmentation.

    A discriminator tells source from target cell by cell, by the logits (`of: scores`) or by what
    the classifier reads (`of: features`, `width` 1024 there). The network learns to have the target
    taken for the source (inverted labels), times `adversarial`, but only in steps where the mean of
    the discriminator's last `window` accuracies is above `least`. In others it stays as it is;
    batch norm's running statistics are those of all steps. ADDA was made for classification, with a
    target network of its own beside a frozen one; here, as in that code, both share their weights,
    and a source step goes with the adversary's. Its numbers are the defaults, but for `aux`, what
    an auxiliary cross-entropy counts. It ends when the network has not moved for an epoch; here
    steps are counted. `own_norm`: as in advent.
    """

    sides = ("source", "target")
    labels = ("source",)

    def __init__(
        self,
        classes: int,
        features: int,
        of: Literal["scores", "features"] = "scores",
        adversarial: Weight = 0.1,
        least: Annotated[float, Field(ge=0, le=1)] = 0.6,
        window: Annotated[int, Field(ge=1)] = 100,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
        width: Width = 512,
        aux: Weight = 0.1,
        own_norm: bool = False,
    ) -> None:
        channels = classes if of == "scores" else features
        own = DroppingDiscriminator(channels, width, dropout)
        self.modules: dict[str, nn.Module] = {"discriminator": own}
        self.of, self.adversarial, self.aux, self.own_norm = of, adversarial, aux, own_norm
        self.recent, self.least = Recent(window), least

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """The discriminator's `told`, then terms `source` and `adversarial` if the network moves.

        Both are seen in any case, and so is `recent`, the mean that decides it.
        """
        assert batch.source is not None
        assert batch.target is not None
        with fixed_statistics(model, self.own_norm):
            outputs = model(batch.source.images)
        others = model(batch.target.images)
        sides = self.seen(outputs, batch.source), self.seen(others, batch.target)
        level = Level(self.modules["discriminator"], *sides, self.adversarial)
        told = level.told()
        recent = self.recent(averaged(told.seen["accuracy"]))
        terms = {
            "source": supervised(outputs, batch.source.labels, self.aux),
            "adversarial": level.fooled(),
        }
        moves = bool(recent > self.least)  # of all processes alike
        still = {} if moves else {name: term.detach() for name, term in terms.items()}
        yield told._replace(seen={**told.seen, "recent": recent, **still})
        if moves:
            yield Loss(terms)

    def seen(self, outputs: Outputs, side: Labelled) -> Seen:
        """What the discriminator judges, cell by cell."""
        maps = outputs.logits if self.of == "scores" else outputs.features
        assert maps is not None
        return Seen(maps.float(), inside(side.windows, side.images.shape[-2:]))
