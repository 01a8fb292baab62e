"""Several sources, each with a discriminator of its own; the worst of them counts most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.domain.batches import Batch
from pipeline.runtime.parts import Weight
from pipeline.training.discriminators import SourceDiscriminators
from pipeline.training.objective import Loss
from pipeline.training.passes import fixed_statistics
from pipeline.training.sources import cross_entropies, features_of, told


class Objective:
    """MDAN (Zhao et al., 2018): a bound on the target's error, of all sources, made small.

    A source's risk is its cross-entropy less `adversarial` times the loss of the discriminator
    that tells its features from the target's, cell by cell (a cell is not from the paper). Of the
    risks, `hard` takes the largest and `soft` (1/`gamma`) log sum exp(`gamma` risk). The numbers
    are their code's, whose hard form chooses the cross-entropy and the discriminator apart from
    each other, and whose soft form adds the discriminator's loss. `own_norm`: as in advent.
    """

    sides = ("source", "target")
    labels = ("source",)
    several = True

    def __init__(
        self,
        features: int,
        sources: int,
        form: Literal["soft", "hard"] = "soft",
        adversarial: Weight = 1e-2,
        gamma: Annotated[float, Field(gt=0)] = 10.0,
        aux: Weight = 0.1,
        own_norm: bool = False,
    ) -> None:
        own = SourceDiscriminators(features, sources)
        self.modules: dict[str, nn.Module] = {"discriminator": own}
        self.sources, self.form, self.gamma = sources, form, gamma
        self.adversarial, self.aux, self.own_norm = adversarial, aux, own_norm

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Term `risk` with each source's own seen, and the discriminators' `told`."""
        assert batch.source is not None
        assert batch.target is not None
        with fixed_statistics(model, self.own_norm):
            outputs = model(batch.source.images)
        errors, there = cross_entropies(outputs, batch.source, self.aux, self.sources)
        others = model(batch.target.images)
        source, target = features_of(outputs, batch.source), features_of(others, batch.target)
        discriminator, origins = self.modules["discriminator"], batch.source.origins
        apart, _ = told(discriminator, source, target, origins)
        risks = errors - self.adversarial * apart
        each = {f"source_{number}": error.detach() for number, error in enumerate(errors)}
        yield Loss({"risk": bound(risks, there, self.form, self.gamma)}, seen=each)
        apart, right = told(discriminator, source.detach(), target.detach(), origins)
        yield Loss({"told": apart.mean() / 2}, "discriminator", {"accuracy": right})


def bound(risks: Tensor, there: Tensor, form: str, gamma: float) -> Tensor:
    """The largest of the risks (M,), or its smooth form, which is finite however large they are.

    Of those that are `there`, bool (M,), or of all where none is.
    """
    risks = torch.where(there | ~there.any(), risks, -torch.inf)
    return risks.max() if form == "hard" else torch.logsumexp(gamma * risks, 0) / gamma
