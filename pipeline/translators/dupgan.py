"""One generator of both domains, before discriminators that know classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.domain.batches import Batch
from pipeline.model.model import Model
from pipeline.runtime.parts import Weight
from pipeline.training.directions import CODES, Coded
from pipeline.training.generators import USUAL, Networks
from pipeline.training.losses import cross_entropy
from pipeline.training.objective import Loss
from pipeline.training.trained import Floats, Trained, frozen
from pipeline.training.translation import cells, predicted, scaled


class Translator(Trained):
    """DupGAN (Hu et al., 2018), in a form of ours for segmentation.

    Kept of the paper: one generator that is told the domain by a code; discriminators of C + 1
    classes, for which a real image has its class and a translation is of class C + 1, while the
    generator wants the image's class; target labels that count from a confidence of `sure` on; and
    images that stay as they are in their own domain, mean squares times `content`. Ours: classes
    are of patches, the commonest label of the square that a cell is centred on, so that no tree is
    real where the label says sky; target labels are those of a frozen segmenter, where the paper
    trains an encoder with a classifier along; the code scales and shifts the generator's channels.
    """

    def __init__(
        self,
        classes: int,
        segmenter: Model | None,
        networks: Networks = USUAL,
        content: Weight = 10.0,
        sure: Annotated[float, Field(ge=0, le=1)] = 0.99,
    ) -> None:
        super().__init__(networks, "_target", "_source", outputs=classes + 1)
        self.numbers, self.classes = 1, classes
        self.content, self.sure = content, sure
        self.segmenter = frozen(segmenter)

    def network(self) -> nn.Module:
        """A generator with the domain's code."""
        return Coded(self.networks)

    def reference(self, rng: np.random.Generator) -> Floats:
        """(1,): the target's code."""
        return np.array([CODES["target"]], np.float32)

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Of the generator `adversarial_target`, `adversarial_source`, `content`; two `told`."""
        assert batch.source is not None
        assert batch.target is not None
        assert self.segmenter is not None
        source, target = scaled(batch.source.images), scaled(batch.target.images)
        labels = {"source": batch.source.labels,
                  "target": predicted(self.segmenter, target, self.sure)}  # fmt: skip
        made = {"target": model(source, "target"), "source": model(target, "source")}
        kept = F.mse_loss(model(source, "source"), source)
        kept = kept + F.mse_loss(model(target, "target"), target)
        yield Loss({
            "adversarial_target": self._known("target", made["target"], labels["source"]),
            "adversarial_source": self._known("source", made["source"], labels["target"]),
            "content": self.content * kept,
        })  # fmt: skip
        for name, real in (("target", target), ("source", source)):
            truth = self._known(name, real, labels[name])
            lie = self._known(name, made[name].detach(), None)
            yield Loss({f"told_{name}": (truth + lie) / 2}, f"discriminator_{name}")

    def _known(self, domain: str, images: Tensor, labels: Tensor | None) -> Tensor:
        """A discriminator's cross-entropy by labels of the images; None: all are translations."""
        found = self.modules[f"discriminator_{domain}"](images)
        size = found.shape[-2:]
        if labels is None:
            wanted = torch.full((len(images), *size), self.classes, device=found.device)
        else:
            wanted = cells(labels, size, self.networks.step)
        return cross_entropy(found, wanted)
