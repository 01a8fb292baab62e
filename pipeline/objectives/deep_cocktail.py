"""Several sources, each with a discriminator and a classifier; the target by their weighted sum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.domain.batches import Batch, Labelled
from pipeline.domain.taxonomy import IGNORE
from pipeline.model.grids import resample
from pipeline.model.outputs import Outputs
from pipeline.runtime.parts import Weight
from pipeline.training import losses
from pipeline.training.crops import inside
from pipeline.training.discriminators import SourceDiscriminators
from pipeline.training.objective import Loss
from pipeline.training.passes import fixed_statistics
from pipeline.training.sources import features_of, own_logits, told


class Objective:
    """DCTN (Xu et al., 2018): classifiers that are trusted as far as their source is near.

    Each learns its own source's labels and, times `target`, what the weighted sum of all says of
    target pixels with a probability of `sure` or more. A source's share in the sum is its
    discriminator's squared error divided by the sum of all, as in their code: what is hard to tell
    from the target is near. The features of the source whose discriminator errs most in the batch,
    and the target's, learn to be told with 0.5, times `adversarial`. The paper alternates; here
    all that is one step, labels are made anew in each, and shares are running means over some
    1/`pace` steps (not from the paper, nor `adversarial`). The model keeps classifiers and shares
    (Recipe.classifiers). `own_norm`: as in advent.
    """

    sides = ("source", "target")
    labels = ("source",)
    several = True
    splits = True

    def __init__(
        self,
        features: int,
        sources: int,
        adversarial: Weight = 1e-2,
        target: Weight = 1.0,
        sure: Annotated[float, Field(ge=0, le=1)] = 0.9,
        pace: Annotated[float, Field(gt=0, le=1)] = 0.01,
        aux: Weight = 0.1,
        own_norm: bool = False,
    ) -> None:
        own = SourceDiscriminators(features, sources)
        self.modules: dict[str, nn.Module] = {"discriminator": own}
        self.classifiers, self.sure, self.pace = sources, sure, pace
        self.adversarial, self.target = adversarial, target
        self.aux, self.own_norm = aux, own_norm

    def losses(self, model: Any, batch: Batch) -> Iterator[Loss]:
        """Terms `source`, `target` and `adversarial` of one graph, then `told`."""
        assert batch.source is not None
        assert batch.target is not None
        with fixed_statistics(model, self.own_norm):
            outputs = model(batch.source.images)
        others = model(batch.target.images)
        seen = features_of(outputs, batch.source), features_of(others, batch.target)
        discriminator, origins = self.modules["discriminator"], batch.source.origins
        apart = seen[0].detach(), seen[1].detach()
        errors, right = told(discriminator, *apart, origins, error=F.mse_loss)
        confused, _ = told(discriminator, *seen, origins, (0.5, 0.5), F.mse_loss)
        own = outputs._replace(logits=own_logits(outputs, origins))
        yield Loss({
            "source": losses.supervised(own, batch.source.labels, self.aux),
            "target": self.target * taught(others, batch.target, self.sure),
            "adversarial": self.adversarial * confused[errors.argmax()] / 2,
        })  # fmt: skip
        with torch.no_grad():
            model.shares.lerp_(errors / errors.sum(), self.pace)
        shares = {f"share_{number}": share.clone() for number, share in enumerate(model.shares)}
        yield Loss({"told": errors.mean() / 2}, "discriminator", {"accuracy": right, **shares})


def taught(outputs: Outputs, side: Labelled, sure: float) -> Tensor:
    """The mean cross-entropy of all classifiers on what their weighted sum is `sure` of."""
    assert outputs.each is not None
    over, size = outputs.over.logits, side.images.shape[-2:]
    with torch.no_grad():
        best, labels = resample(outputs.logits.exp(), size, over).max(1)
        kept = (best >= sure) & inside(side.windows, size)
        labels = labels.masked_fill(~kept, IGNORE)
    each = [losses.cross_entropy(logits, labels, over=over) for logits in outputs.each]
    return torch.stack(each).mean()
