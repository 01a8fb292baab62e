"""TPLD: self-training on densified labels, and hard images to look like easy ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.domain.batches import Batch, Labelled
from pipeline.domain.taxonomy import IGNORE
from pipeline.model.outputs import Outputs
from pipeline.runtime.parts import Weight
from pipeline.runtime.ranks import averaged
from pipeline.training import losses
from pipeline.training.adversarial import Level, Seen, align, maps
from pipeline.training.crops import inside
from pipeline.training.discriminators import Discriminator
from pipeline.training.objective import Loss
from pipeline.training.passes import Norm, passes


class Objective:
    """Both phases of TPLD (Shin et al., 2020), with the labeler of that name.

    Phase 1: source cross-entropy, the bootstrapping loss with `beta` on voted labels, CRST's
    MRKLD with `weight`. Phase 2 (`dense`): unlabelled pixels of the target learn the soft label
    (p_c / lambda_c)^`gamma` as well, `retrain.use` easy makes these images the easy ones, and
    `retrain.hard_share` gives the hard ones, aligned with `adversarial` as in AdvEnt. gamma is the
    paper's; beta and the weights are not from the paper. `norm`: see passes.passes.
    """

    sides = ("source", "target")
    optional = ("hard",)
    labels = ("source", "target")

    def __init__(
        self,
        classes: int,
        k: Tensor,
        beta: Annotated[float, Field(ge=0, le=1)] = 0.9,
        weight: Weight = 0.01,
        dense: bool = False,
        gamma: Annotated[float, Field(gt=0)] = 2.0,
        adversarial: Weight = 1e-3,
        aux: Weight = 0.1,
        norm: Norm = "joint",
    ) -> None:
        self.k, self.beta, self.weight, self.gamma = k.clamp(min=0), beta, weight, gamma
        self.soft, self.aux, self.norm = dense, aux, norm
        self.adversarial = adversarial
        # in phase 1 no batch has hard images, and nothing moves it
        self.modules: dict[str, nn.Module] = {"discriminator": Discriminator(classes)}

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Terms `source`, `target`, `regulariser`; with hard images `adversarial` and `told`."""
        present = {"source": batch.source, "target": batch.target}
        sides = {name: side for name, side in present.items() if side is not None}
        easy = None
        pixels = torch.stack([self._pixels(name, side) for name, side in sides.items()]).sum()
        for outputs in passes(model, sides, self.norm):
            terms: dict[str, Tensor] = {}
            for name, own in outputs.items():
                if name == "source":
                    terms[name] = losses.supervised(own, sides[name].labels, self.aux, pixels)
                else:
                    side = sides[name]
                    terms |= self._pseudo(own, side, pixels)
                    easy = _maps(own, side).detach() if batch.hard else None
            yield Loss(terms)
        if batch.hard is not None and easy is not None:
            hard = _maps(model(batch.hard.images), batch.hard)
            yield from align(Level(self.modules["discriminator"], easy, hard, self.adversarial))

    def _pixels(self, name: str, side: Labelled) -> Tensor:
        if name == "source" or not self.soft:
            return losses.labelled(side.labels)
        return averaged(_within(side).sum())

    def _pseudo(self, outputs: Outputs, side: Labelled, pixels: Tensor) -> dict[str, Tensor]:
        size, labels = side.labels.shape[-2:], side.labels.reshape(-1)
        rows = losses.flat(outputs.logits, size, outputs.over.logits)
        sparse = labels.ne(IGNORE)
        k = self.k.to(rows.device)
        target = F.one_hot(labels.masked_fill(~sparse, 0), rows.shape[1]).float()
        learned = sparse
        if self.soft:
            assert side.logits is not None
            given = (side.logits, side.windows, size, k, self.gamma, side.over)
            soft, learned = losses.soft_labels(*given)
            target = torch.where(sparse[:, None], target, soft)
        loss = losses.bootstrapped(rows, target, learned, k, self.beta, pixels)
        loss = loss + losses.auxiliary_cross_entropy(outputs, side.labels, self.aux, pixels)
        regulariser = self.weight * losses.regularised("mrkld", rows, sparse)
        return {"target": loss, "regulariser": regulariser}


def _maps(outputs: Outputs, side: Labelled) -> Seen:
    return maps(outputs.logits, _within(side), over=outputs.over.logits)


def _within(side: Labelled) -> Tensor:
    return inside(side.windows, side.images.shape[-2:])
