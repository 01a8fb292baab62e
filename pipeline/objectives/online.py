"""Online self-training: the network's average labels while it trains, and classes are mixed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.domain.batches import Batch, Labelled
from pipeline.domain.taxonomy import IGNORE
from pipeline.domain.views import Mask, Mix
from pipeline.model.outputs import Outputs
from pipeline.runtime.parts import Weight
from pipeline.runtime.ranks import averaged
from pipeline.training import losses, taught
from pipeline.training.crops import inside, places
from pipeline.training.objective import Loss
from pipeline.training.passes import fixed_statistics
from pipeline.training.taught import Labels
from pipeline.training.teacher import Statistics, Teacher

Share = Annotated[float, Field(ge=0, le=1)]
Edge = tuple[Share, Share, Share, Share]


class Objective:
    """Source images, mixtures and, with `mask`, masked target images (DACS, DAFormer, MIC).

    `labels` of the target: `teacher` (Tranheden et al., DACS, 2021), `round` (the round's
    pseudo-labels, and no teacher) or `both` (the round's where there are some, the teacher's
    elsewhere; in no paper). `weigh` is what a teacher's label weighs: taught.by_batch (DACS),
    by_pixel, or by `classes`: the round's thresholds `k`, in a warm-up taught.MovingPrior.

    The teacher's memory is `horizon` of the steps: alpha = 1 - 1/(horizon * steps), if `alpha` does
    not say it. `statistics` and `flip`: see Teacher. Its labels count nothing on the `edge` of a
    mixed image, shares of the whole image at its top, bottom, left and right. `keep` says whose
    parameters the model has at the end, `own_norm` keeps source images out of the running
    statistics (not from the papers). `target` and `masked` weigh the terms of their names.
    """

    sides = ("source", "target", "mixed")
    optional = ("masked",)
    labels = ("source",)
    optional_labels = ("target",)

    def __init__(
        self,
        classes: int,
        k: Tensor | None = None,
        labels: Literal["teacher", "round", "both"] = "teacher",
        weigh: taught.Weigh = "batch",
        tau: Weight = 0.968,
        target: Weight = 1.0,
        masked: Weight = 1.0,
        aux: Weight = 0.1,
        mix: Mix = Mix(),  # noqa: B008 - frozen
        mask: Mask | None = None,
        horizon: Annotated[float, Field(gt=0, le=1)] = 0.025,
        alpha: Annotated[float, Field(ge=0, lt=1)] | None = None,
        statistics: Statistics = "batch",
        flip: bool = False,
        edge: Edge = (0.0, 0.0, 0.0, 0.0),
        keep: Literal["student", "teacher"] = "student",
        own_norm: bool = False,
    ) -> None:
        self.modules: dict[str, nn.Module] = {}
        self.k = None if k is None else k.clamp(min=0)
        self.given, self.weigh, self.tau = labels, weigh, tau
        self.target, self.masked, self.aux = target, masked, aux
        self.mix, self.mask, self.edge = mix, mask, edge
        self.horizon, self.alpha, self.statistics, self.flip = horizon, alpha, statistics, flip
        self.keep, self.own_norm = keep, own_norm
        self.teacher: Teacher | None = None
        self.prior = taught.MovingPrior(classes) if weigh == "classes" and k is None else None

    @staticmethod
    def contradiction(labels: str, keep: str, **_: object) -> str | None:
        """A teacher that is kept, where there is none."""
        if labels == "round" and keep == "teacher":
            return "keep = teacher: with labels = round there is none; set it to student"
        return None

    def begin(self, model: nn.Module, steps: int) -> None:
        """A teacher like `model`."""
        if self.given != "round":
            alpha = max(0.0, 1 - 1 / (self.horizon * steps)) if self.alpha is None else self.alpha
            self.teacher = Teacher(model, alpha, self.statistics, self.flip)

    def end(self, model: nn.Module) -> None:
        """The teacher's parameters into `model`, if they are what is kept."""
        if self.keep == "teacher" and self.teacher is not None:
            self.teacher.give(model)

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Terms `source`, `mixed` and, with `mask`, `masked`.

        Seen are `sure` (DACS's q), `weight` (of a target pixel, a mean), `agreement` and
        `masked_agreement` (of the network's class with the label), and `steady` (of the teacher
        with its mirror image).
        """
        assert batch.source is not None
        assert batch.target is not None
        assert batch.mixed is not None
        if self.teacher is not None:
            self.teacher.update(model)
        with fixed_statistics(model, self.own_norm):
            outputs = model(batch.source.images)
        yield Loss({"source": losses.supervised(outputs, batch.source.labels, self.aux)})
        within = inside(batch.target.windows, batch.target.images.shape[-2:])
        labels, seen = self._taught(batch.target, within)
        yield self._mixture(model(batch.mixed.images), batch.mixed, within, labels, seen)
        if batch.masked is not None:
            outputs, pixels = model(batch.masked.images), averaged(within.sum())
            term, own = taught.loss(outputs, labels, pixels, self.aux)
            agreement = taught.agreement(own, labels, within)
            yield Loss({"masked": self.masked * term}, seen={"masked_agreement": agreement})

    @torch.no_grad()
    def _taught(self, side: Labelled, within: Tensor) -> tuple[Labels, dict[str, Tensor]]:
        """The target's labels and their weights, and what is seen of them."""
        there = side.labels != IGNORE
        if self.teacher is None:
            return Labels(side.labels, there.float()), {}
        p, steady = self.teacher(side.images)
        found = self._weighed(p, within)
        if self.given == "both":
            found = found.where(there, side.labels)
        found = found._replace(weights=found.weights * within)
        seen = {"sure": taught.share(p.amax(1) >= self.tau, within)}
        seen["weight"] = found.weights.sum() / averaged(within.sum()).clamp(min=1)
        if steady is not None:
            seen["steady"] = taught.share(steady, within)
        return found, seen

    def _weighed(self, p: Tensor, within: Tensor) -> Labels:
        if self.weigh == "batch":
            return taught.by_batch(p, within, self.tau)
        if self.weigh == "pixel":
            return taught.by_pixel(p, self.tau)
        if self.prior is not None:
            labels: Labels = self.prior(p, within)
            return labels
        assert self.k is not None
        return taught.by_thresholds(p, self.k)

    def _mixture(
        self, outputs: Outputs, side: Labelled, within: Tensor, labels: Labels,
        seen: dict[str, Tensor],
    ) -> Loss:  # fmt: skip
        assert side.pasted is not None
        left = labels._replace(weights=labels.weights * self._middle(side))
        pixels = averaged((side.pasted | within).sum())
        both = left.where(side.pasted, side.labels)
        term, own = taught.loss(outputs, both, pixels, self.aux)
        agreement = taught.agreement(own, labels, within & ~side.pasted)
        return Loss({"mixed": self.target * term}, seen={**seen, "agreement": agreement})

    def _middle(self, side: Labelled) -> Tensor:
        """bool (N, H, W): what is not on the edge of its image."""
        top, bottom, left, right = self.edge
        x, y = places(side.windows, side.images.shape[-2:]).unbind(-1)
        return (y >= top) & (y <= 1 - bottom) & (x >= left) & (x <= 1 - right)
