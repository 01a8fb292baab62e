"""Translators that are trained: what is fitted of them is the weights of a generator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from threading import Lock

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.utils import vector_to_parameters

from pipeline.domain.batches import Batch
from pipeline.domain.pixels import Mask, Pixels
from pipeline.runtime.compute import Compute
from pipeline.training import passes
from pipeline.training.adversarial import Level
from pipeline.training.discriminators import PatchDiscriminator
from pipeline.training.generators import Generator, Networks
from pipeline.training.objective import Loss
from pipeline.training.translation import pixels, scaled, whole

Floats = npt.NDArray[np.float32]


class Trained(ABC):
    """An objective over generators, and the translator that comes of it: of room `translators`.

    What is fitted is the one row of the weights of the generator from source to target, float32;
    `numbers` is how many beside an image it takes. One of `several` sources has such a row for
    each, in the order of a mix; it takes up the row of the source whose images it translates.
    """

    trained = True
    several = False
    matched = False  # whether crops of the target lie where those of the source do
    varies = False  # whether copies of an image differ
    sides: tuple[str, ...] = ("source", "target")
    labels: tuple[str, ...] = ("source",)
    numbers = 0
    progress = 0.0

    def __init__(self, networks: Networks, *judges: str, outputs: int = 1) -> None:
        """`judges`: names of discriminators, such as "_target", each a module of its own."""
        self.networks = networks
        width, layers = networks.discriminator, networks.layers
        self.modules: dict[str, nn.Module] = {
            f"discriminator{name}": PatchDiscriminator(width, layers, outputs) for name in judges
        }
        self._alone = Lock()

    def add_tasks(self, **segmenters: nn.Module | None) -> None:
        """Models that are trained along, but for batch norm: few crops tell little of it."""
        for name, segmenter in segmenters.items():
            if segmenter is not None:  # there is none where images are only translated
                passes.norms(segmenter.requires_grad_(True), frozen=True)
                self.modules[name] = segmenter

    @abstractmethod
    def network(self) -> nn.Module:
        """A new one to train, whose `generator` leads from source to target."""

    def kept(self, network: nn.Module) -> list[Floats]:
        """What is fitted: a row of weights or, if it has `several` sources, one of each."""
        return [row(network.get_submodule("generator"))]

    @abstractmethod
    def losses(self, model: nn.Module, batch: Batch) -> Iterator[Loss]:
        """As of any objective; images are `shown`."""

    def level(self, name: str, real: Tensor, made: Tensor, weight: float = 1.0) -> Level:
        """A discriminator between images (N, 3, H, W) of a domain and made ones, by squares."""
        judge = self.modules[f"discriminator{name}"]
        return Level(judge, whole(real), whole(made.float()), weight, name, square=True)

    def example(self, image: Pixels, inside: Mask | None) -> Floats:
        """Weights before any step."""
        return row(self._new())

    def take(self, fitted: Floats, compute: Compute) -> None:
        """Up what was fitted, (1, k); on the device of `compute`, in float32."""
        from pipeline.runtime.launch import launch

        self._generator = self._new()
        vector_to_parameters(torch.from_numpy(fitted[0].copy()), self._generator.parameters())
        self._device = launch(compute.model_copy(update={"precision": "32-true"}), True).device
        self._generator.to(self._device).eval()

    def reference(self, rng: np.random.Generator) -> Floats:
        """(numbers,): what is drawn for a copy of an image, or is the same for all."""
        return np.zeros(self.numbers, np.float32)

    @torch.no_grad()
    def translate(self, image: Pixels, inside: Mask | None, reference: Floats) -> Pixels:
        """uint8 (h, w, 3), outside as it was; one image after the other, with all threads."""
        with self._alone:
            batch = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].to(self._device)
            numbers = torch.from_numpy(reference)[None].to(self._device) if self.numbers else None
            made = pixels(self._generator(scaled(batch), numbers))[0].cpu()
        found = made.permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).contiguous().numpy()
        return found if inside is None else np.where(inside[..., None], found, image)

    def _new(self) -> Generator:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self.networks.generator(self.numbers)


def row(generator: nn.Module) -> Floats:
    """All its weights one after the other, float32 (k,)."""
    weights = torch.cat([each.detach().reshape(-1) for each in generator.parameters()])
    found: Floats = weights.float().cpu().numpy()
    return found


def frozen(segmenter: nn.Module | None) -> nn.Module | None:
    """A model that only judges: nothing of it moves."""
    return None if segmenter is None else segmenter.requires_grad_(False).eval()
