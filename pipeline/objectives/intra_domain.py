"""IntraDA's second step: hard target images to look like easy ones, without the source."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from pipeline.adversarial import Discriminator, align, maps
from pipeline.batches import Batch
from pipeline.losses import supervised
from pipeline.training import Loss


class Objective:
    """AdvEnt with easy images and their pseudo-labels as source, hard ones as target.

    Pan et al., 2020. Their pseudo-labels are the prediction of every pixel: labeler `st` with
    portion 1.
    """

    sides = ("target", "hard")
    labels = ("target",)

    def __init__(self, classes: int, adversarial: float = 1e-3, aux: float = 0.1) -> None:
        self.modules: dict[str, nn.Module] = {"discriminator": Discriminator(classes)}
        self.weight, self.aux = adversarial, aux

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Terms `target`, `adversarial` and the discriminator's `told`."""
        assert batch.target is not None
        assert batch.hard is not None
        size = batch.target.images.shape[-2:]
        outputs = model(batch.target.images)
        resembled = maps(outputs, size).detach()
        yield Loss({"target": supervised(outputs, batch.target.labels, self.aux)})
        other = maps(model(batch.hard.images), size)
        yield from align(self.modules["discriminator"], resembled, other, self.weight)
