"""Several sources translated together, each by generators of its own, so that they look alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn

from pipeline.domain.batches import Batch
from pipeline.model.model import Model
from pipeline.runtime.parts import Weight
from pipeline.training import translation
from pipeline.training.aggregation import Alike, Crossed, by_source
from pipeline.training.cycles import Cycle, Judging, Way
from pipeline.training.directions import Pairs, To
from pipeline.training.discriminators import PatchDiscriminators
from pipeline.training.generators import USUAL, Networks
from pipeline.training.objective import Loss
from pipeline.training.passes import norms
from pipeline.training.trained import Floats, frozen, row


class Translator(Cycle):
    """MADAN's translators (Zhao et al., 2019), of all sources of a mix at once.

    CycleGAN's terms for each source's pair of generators, with one discriminator of the target and
    one of each source; `sad` weighs its sub-domain aggregation discriminators, by which all
    translations become alike, `ccd` its cross-domain cycle discriminators (aggregation), each 1 as
    there; and `consistency` its dynamic semantic consistency, KL(F'(G(x)) | F(x)). F is the frozen
    `segmenter`, which must know all sources: the paper has a model of each. F' starts as F and, if
    `dynamic`, learns the labels of translations in each step, where the paper has it learn them
    between trainings of its generators; without, it is F. Terms are means over images, where the
    paper has sums over sources. The weights of consistency, cycle and identity are not from the
    paper. A target image goes to the source whose image has its place in the batch. `matched`:
    crops of the target lie where the source's do, after MADAN+'s context-aware generation (2021),
    which has them at the centre.
    """

    several = True

    def __init__(
        self,
        segmenter: Model | None,
        sources: int,
        networks: Networks = USUAL,
        sad: Weight = 1.0,
        ccd: Weight = 1.0,
        consistency: Weight = 1.0,
        dynamic: bool = True,
        cycle: Weight = 10.0,
        identity: Weight = 0.0,
        matched: bool = False,
    ) -> None:
        super().__init__(networks, cycle, identity)
        self.sources, self.sad, self.ccd = sources, sad, ccd
        self.consistency, self.dynamic, self.matched = consistency, dynamic, matched
        sizes = networks.discriminator, networks.layers
        self.modules["discriminator_source"] = PatchDiscriminators(sources, *sizes)
        if sad:
            self.modules["discriminator_alike"] = PatchDiscriminators(sources, *sizes)
        self.segmenter = frozen(segmenter)
        if consistency and dynamic:
            self.add_tasks(task=deepcopy(segmenter))

    def network(self) -> nn.Module:
        """Generators of both directions of each source."""
        return Pairs(self.networks, self.sources)

    def kept(self, network: nn.Module) -> list[Floats]:
        """A row of each source."""
        assert isinstance(network, Pairs)
        return [row(generator) for generator in network.generators]

    def losses(self, model: Callable[..., Tensor], batch: Batch) -> Iterator[Loss]:
        """CycleGAN's, with `adversarial_alike`, `adversarial_cross`, `semantic` and `told_task`."""
        assert batch.source is not None
        origins = batch.source.origins

        def moved(images: Tensor, to: To, of: Tensor = origins) -> Tensor:
            found: Tensor = model(images, to, of)
            return found

        yield from super().losses(moved, batch)

    def levels(self, model: Callable[..., Tensor], source: Way, target: Way) -> list[Judging]:
        """Of the target and of each source; of what makes all sources alike."""
        origins, judges = source.side.origins, self.modules["discriminator_source"]
        found: list[Judging] = [
            self.level("_target", target.images, source.made),
            by_source(judges, origins, source.images, target.made, "_source"),
        ]
        if self.sad:
            alike = self.modules["discriminator_alike"]
            found.append(Alike(alike, source.made, origins, self.sources, self.sad))
        if self.ccd:
            draw = lambda by: torch.randint(1, self.sources, (), generator=by)  # noqa: E731
            others = (origins + translation.drawn(source.side, draw)) % self.sources
            back = model(source.made, "source", others)
            found.append(Crossed(judges, source.images, origins, back, others, self.ccd))
        return found

    def along(self, source: Way, target: Way) -> Iterator[Loss]:
        """The current task model's `told_task`, on translations."""
        if "task" in self.modules:
            norms(self.modules["task"], frozen=True)
            made, labels = source.made.detach(), source.side.labels
            loss = translation.semantic(self.modules["task"], made, labels)
            yield Loss({"told_task": loss}, "task")

    def more(self, source: Way, target: Way) -> Mapping[str, Tensor]:
        """Term `semantic`."""
        if not self.consistency:
            return {}
        assert self.segmenter is not None
        reading = self.modules.get("task", self.segmenter).eval()  # dropout is no difference
        apart = translation.divergence(reading, source.made, self.segmenter, source.images)
        return {"semantic": self.consistency * apart}
