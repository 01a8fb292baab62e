"""Images that go to the other domain and come back, with classes that a model still sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor

from pipeline.model.model import Model
from pipeline.runtime.parts import Weight
from pipeline.training import translation
from pipeline.training.cycles import Cycle, Way
from pipeline.training.generators import USUAL, Networks
from pipeline.training.trained import frozen


class Translator(Cycle):
    """CyCADA's translator (Hoffman et al., 2018): CycleGAN, and classes by a frozen segmenter.

    On translations of both directions it is to see what it sees in their images (`semantic:
    predictions`, the paper's), or on those of the source what their labels say (`labels`, as the
    Transfer Learning Library has it), each times `consistency`. `perceptual` and
    `perceptual_cycle` weigh what BDL (Li et al., 2019) has instead, 0.1 and 10: the difference of
    its normalised logits between image and translation, and between image and what came back.
    The paper prints no weights. Its own results for segmentation leave the term out.
    """

    def __init__(
        self,
        segmenter: Model | None,
        networks: Networks = USUAL,
        semantic: Literal["predictions", "labels"] = "predictions",
        consistency: Weight = 1.0,
        cycle: Weight = 10.0,
        identity: Weight = 5.0,
        perceptual: Weight = 0.0,
        perceptual_cycle: Weight = 0.0,
    ) -> None:
        super().__init__(networks, cycle, identity)
        self.segmenter = frozen(segmenter)
        self.semantic, self.consistency = semantic, consistency
        self.perceptual, self.perceptual_cycle = perceptual, perceptual_cycle

    def more(self, source: Way, target: Way) -> Mapping[str, Tensor]:
        """Terms `semantic_source`, `semantic_target`, `perceptual` and `perceptual_cycle`."""
        assert self.segmenter is not None
        terms = {}
        for name, way in (("source", source), ("target", target)) if self.consistency else ():
            known = name == "source" and self.semantic == "labels"
            labels = way.side.labels if known else translation.predicted(self.segmenter, way.images)
            loss = translation.semantic(self.segmenter, way.made, labels)
            terms[f"semantic_{name}"] = self.consistency * loss
        if self.perceptual:
            terms["perceptual"] = self.perceptual * self._apart(source, target, "made")
        if self.perceptual_cycle:
            terms["perceptual_cycle"] = self.perceptual_cycle * self._apart(source, target, "back")
        return terms

    def _apart(self, source: Way, target: Way, of: str) -> Tensor:
        assert self.segmenter is not None
        one, other = (
            translation.perceptual(self.segmenter, getattr(way, of), way.images)
            for way in (source, target)
        )
        return one + other
