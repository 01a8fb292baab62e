"""One direction, with noise: of each class only what is no constant of it is to stay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import nn

from pipeline.domain.batches import Batch
from pipeline.model.model import Model
from pipeline.runtime.parts import Weight
from pipeline.training import translation
from pipeline.training.directions import Single
from pipeline.training.generators import USUAL, Networks
from pipeline.training.objective import Loss
from pipeline.training.trained import Floats, Trained
from pipeline.training.translation import scaled, semantic


class Translator(Trained):
    """PixelDA (Bousmalis et al., 2017), in a form of ours for segmentation.

    Kept of the paper: a generator that is also given noise, uniform in [-1, 1]; a task model that
    learns from images and from translations, so that the generator cannot exchange classes; and
    content similarity. Ours: the task is segmentation, its model the segmenter, trained on with its
    batch norm as it is; content is kept class by class instead of on one foreground; the `noise`
    numbers scale and shift channels, as a dense layer to one more would fix the image's size;
    discriminators see patches, with neither dropout nor noise, by least squares. The weights are
    not from the paper. Each copy of an image has noise of its own.
    """

    varies = True

    def __init__(
        self,
        classes: int,
        segmenter: Model | None,
        networks: Networks = USUAL,
        task: Weight = 1.0,
        content: Weight = 10.0,
        noise: Annotated[int, Field(ge=1, le=1000)] = 10,
    ) -> None:
        super().__init__(networks, "_target")
        self.numbers = noise
        self.classes, self.task, self.content = classes, task, content
        self.add_tasks(task=segmenter)

    def network(self) -> nn.Module:
        """A generator with noise."""
        return Single(self.networks, self.numbers)

    def reference(self, rng: np.random.Generator) -> Floats:
        """(noise,): a copy's own."""
        return rng.uniform(-1, 1, self.numbers).astype(np.float32)

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Terms `adversarial_target`, `task`, `content`, then `told_target` and `told_task`."""
        assert batch.source is not None
        assert batch.target is not None
        images, labels = scaled(batch.source.images), batch.source.labels
        noise = translation.drawn(
            batch.source, lambda by: torch.rand(self.numbers, generator=by) * 2 - 1
        )
        made, judge = model(images, noise), self.modules["task"]
        level = self.level("_target", scaled(batch.target.images), made)
        kept = translation.content(made, images, labels, self.classes)
        yield Loss({
            "adversarial_target": level.fooled(),
            "task": self.task * semantic(judge, made, labels),
            "content": self.content * kept,
        })  # fmt: skip
        yield level.told()
        both = semantic(judge, images, labels) + semantic(judge, made.detach(), labels)
        yield Loss({"told_task": both / 2}, "task")
