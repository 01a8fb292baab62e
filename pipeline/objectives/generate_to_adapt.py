"""Features from which images of the other domain could have been decoded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.domain.batches import Batch, Labelled
from pipeline.model.outputs import Outputs
from pipeline.runtime.parts import Weight, Width
from pipeline.training.losses import supervised
from pipeline.training.objective import Loss
from pipeline.training.passes import fixed_statistics
from pipeline.training.reconstruction import (
    DECODED,
    REAL,
    Decoder,
    Judged,
    Pair,
    PatchDiscriminator,
    apart,
    paired,
    read,
    right,
    taken,
)

_SOURCE, _TARGET = 0, 2


class Objective:
    """Generate To Adapt for segmentation: LSD-seg (Sankaranarayanan et al., CVPR 2018).

    A decoder makes images of the features that the classifier reads. A discriminator says of each
    patch whether it is of the source or the target, real or decoded, and of source images each
    pixel's class. The decoder learns to have patches taken for real ones of their side (`realism`),
    to keep the classes of the source (`decoder_semantic`) and to give the image back (L1,
    `reconstruction`). The network learns to have those of its features taken for real ones of the
    other side (`adversarial`), and to keep the classes (`semantic`). Weights are its code's.
    Generate To Adapt was made for classification: its decoder also takes a class and noise and
    draws images of the source alone. Not from the paper: that the decoder reads one map (there
    three of FCN-8s), the layers of both modules (`width`), the share of the decoder's `dropout`,
    which is its noise, and `aux`. `own_norm`: as in advent. Only the network is kept.
    """

    sides = ("source", "target")
    labels = ("source",)

    def __init__(
        self,
        classes: int,
        features: int,
        adversarial: Weight = 0.1,
        semantic: Weight = 0.1,
        realism: Weight = 0.1,
        decoder_semantic: Weight = 1.0,
        reconstruction: Weight = 1.0,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
        width: Width = 64,
        aux: Weight = 0.1,
        own_norm: bool = False,
    ) -> None:
        self.modules: dict[str, nn.Module] = {
            "decoder": Decoder(features, width, dropout),
            "discriminator": PatchDiscriminator(classes, width),
        }
        self.adversarial, self.semantic, self.realism = adversarial, semantic, realism
        self.decoder_semantic, self.reconstruction = decoder_semantic, reconstruction
        self.aux, self.own_norm = aux, own_norm

    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """Terms of the network, then of the decoder, then of the discriminator."""
        source, target = batch.source, batch.target
        assert source is not None
        assert target is not None
        with fixed_statistics(model, self.own_norm):
            outputs = model(source.images)
        others = model(target.images)
        error = supervised(outputs, source.labels, self.aux)
        yield Loss({"source": error, **self._network((outputs, source), (others, target))})
        decoder = self.modules["decoder"]
        one = paired(decoder, outputs, source, detached=True)
        other = paired(decoder, others, target, detached=True)
        yield Loss(self._decoder(one, other, source), "decoder")
        yield self._told(one, other, source)

    def _judged(self, one: Tensor, other: Tensor) -> tuple[Judged, Judged]:
        discriminator = self.modules["discriminator"]
        return discriminator(one), discriminator(other)

    def _network(
        self, source: tuple[Outputs, Labelled], target: tuple[Outputs, Labelled]
    ) -> dict[str, Tensor]:
        """`adversarial` and `semantic`, through discriminator and decoder."""
        one, other = (paired(self.modules["decoder"], *side).decoded for side in (source, target))
        first, second = self._judged(one.maps, other.maps)
        swapped = taken(first, one, _TARGET + REAL) + taken(second, other, _SOURCE + REAL)
        return {
            "adversarial": self.adversarial * swapped,
            "semantic": self.semantic * read(first, source[1]),
        }

    def _decoder(self, source: Pair, target: Pair, side: Labelled) -> dict[str, Tensor]:
        """`realism`, `decoder_semantic` and `reconstruction`."""
        one, other = source.decoded, target.decoded
        first, second = self._judged(one.maps, other.maps)
        real = taken(first, one, _SOURCE + REAL) + taken(second, other, _TARGET + REAL)
        return {
            "realism": self.realism * real,
            "decoder_semantic": self.decoder_semantic * read(first, side),
            "reconstruction": self.reconstruction * (apart(source) + apart(target)),
        }

    def _told(self, source: Pair, target: Pair, side: Labelled) -> Loss:
        """`told`, the sum of the four kinds, and `told_classes`; the share that is told right."""
        kinds = {
            _SOURCE + REAL: source.real, _SOURCE + DECODED: source.decoded.detach(),
            _TARGET + REAL: target.real, _TARGET + DECODED: target.decoded.detach(),
        }  # fmt: skip
        found = {kind: self.modules["discriminator"](seen.maps) for kind, seen in kinds.items()}
        told = [taken(found[kind], seen, kind) for kind, seen in kinds.items()]
        shares = [right(found[kind], seen, kind) for kind, seen in kinds.items()]
        terms = {
            "told": torch.stack(told).sum(),
            "told_classes": read(found[_SOURCE + REAL], side),
        }
        return Loss(terms, "discriminator", {"accuracy": torch.stack(shares).mean()})
