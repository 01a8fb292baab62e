"""Both directions, closed by classes instead of by pixels."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Annotated

from pydantic import Field
from torch import nn

from pipeline.domain.batches import Batch
from pipeline.model.model import Model
from pipeline.runtime.parts import Weight
from pipeline.training.directions import Pair
from pipeline.training.generators import USUAL, Networks
from pipeline.training.objective import Loss
from pipeline.training.trained import Trained
from pipeline.training.translation import predicted, scaled, semantic


class Translator(Trained):
    """SBADA-GAN (Russo et al., 2018), in a form of ours for segmentation.

    Kept of the paper: generators of both directions without a way back of pixels; a classifier of
    each domain, of which the source's learns from the source (`source`), from target images in
    the source's look with labels of its own (`itself`), and must know the classes of a source
    image that went and came back (`consistency`), while the target's learns from translations
    (`task`); the weights. Ours: the classifiers are segmenters, both from the one that is named,
    trained on with their batch norm as it is; its own labels are those of probability `sure` or
    more; discriminators see patches. Only the translator is kept: its weighted mean of both
    classifiers at test is not here.
    """

    def __init__(
        self,
        segmenter: Model | None,
        networks: Networks = USUAL,
        task: Weight = 10.0,
        source: Weight = 10.0,
        itself: Weight = 1.0,
        consistency: Weight = 1.0,
        sure: Annotated[float, Field(ge=0, le=1)] = 0.0,
    ) -> None:
        super().__init__(networks, "_target", "_source")
        self.task, self.source = task, source
        self.itself, self.consistency, self.sure = itself, consistency, sure
        self.add_tasks(task_source=segmenter, task_target=deepcopy(segmenter))

    def network(self) -> nn.Module:
        """Generators of both directions."""
        return Pair(self.networks)

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Of the generators, then of each discriminator and each segmenter."""
        assert batch.source is not None
        assert batch.target is not None
        (source, target), labels = (scaled(s.images) for s in batch[:2] if s), batch.source.labels
        one, other = self.modules["task_source"], self.modules["task_target"]
        made, back = model(source, "target"), model(target, "source")
        returned = model(made, "source")
        levels = self.level("_target", target, made), self.level("_source", source, back)
        own = predicted(one, back, self.sure)
        yield Loss({
            **{f"adversarial{level.name}": level.fooled() for level in levels},
            "task": self.task * semantic(other, made, labels),
            "itself": self.itself * semantic(one, back, own),
            "consistency": self.consistency * semantic(one, returned, labels),
        })  # fmt: skip
        for level in levels:
            yield level.told()
        yield Loss({
            "told_task_source": self.source * semantic(one, source, labels),
            "told_itself": self.itself * semantic(one, back.detach(), own),
            "told_consistency": self.consistency * semantic(one, returned.detach(), labels),
        }, "task_source")  # fmt: skip
        yield Loss(
            {"told_task_target": self.task * semantic(other, made.detach(), labels)}, "task_target"
        )
