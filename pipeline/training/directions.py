"""Networks that translators train: generators of one direction or of both."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.training.generators import Networks, drawn

To = Literal["target", "source"]
"""In whose look an image is to be."""

_EMBEDDED = 256


class Pair(nn.Module):
    """Generators of both directions, each with parameters of its own."""

    def __init__(self, networks: Networks) -> None:
        super().__init__()
        self.generator, self.back = (networks.generator() for _ in range(2))

    def forward(self, images: Tensor, to: To) -> Tensor:
        """Images (N, 3, H, W) in [-1, 1], in the look of that domain."""
        made: Tensor = (self.generator if to == "target" else self.back)(images)
        return made


class Pairs(nn.Module):
    """Generators of both directions of each of several sources."""

    def __init__(self, networks: Networks, sources: int) -> None:
        super().__init__()
        self.pairs = nn.ModuleList(Pair(networks) for _ in range(sources))

    @property
    def generators(self) -> list[nn.Module]:
        """From each source to the target."""
        return [pair.get_submodule("generator") for pair in self.pairs]

    @property
    def generator(self) -> nn.Module:
        """That of the first source."""
        return self.generators[0]

    def forward(self, images: Tensor, to: To, origins: Tensor) -> Tensor:
        """Images (N, 3, H, W) in [-1, 1], each by the pair of its source, int64 (N)."""
        made = torch.zeros_like(images)
        for number, pair in enumerate(self.pairs):
            own = (origins == number).nonzero()[:, 0]
            if len(own):
                made = made.index_copy(0, own, pair(images[own], to).to(made.dtype))
            else:  # elsewhere there may be one, and all processes are to have the same gradients
                made = made + 0 * sum(weights.sum() for weights in pair.parameters())
        return made


CODES = {"target": 1.0, "source": -1.0}
"""What tells a generator of both domains in whose look an image is to be."""


class Coded(nn.Module):
    """One generator of both domains, which is told one of them by a code."""

    def __init__(self, networks: Networks) -> None:
        super().__init__()
        self.generator = networks.generator(1)

    def forward(self, images: Tensor, to: To) -> Tensor:
        """Images (N, 3, H, W) in [-1, 1], in the look of that domain."""
        made: Tensor = self.generator(images, images.new_full((len(images), 1), CODES[to]))
        return made


class Single(nn.Module):
    """One generator from source to target, with so many numbers of noise."""

    def __init__(self, networks: Networks, numbers: int) -> None:
        super().__init__()
        self.generator = networks.generator(numbers)

    def forward(self, images: Tensor, numbers: Tensor) -> Tensor:
        """Images (N, 3, H, W) in [-1, 1], and their noise (N, numbers)."""
        made: Tensor = self.generator(images, numbers)
        return made


class Contrasted(nn.Module):
    """A generator, and what embeds what it makes of an image's places (Park et al., CUT)."""

    def __init__(self, networks: Networks) -> None:
        super().__init__()
        self.generator = networks.generator()
        self.embedders = nn.ModuleList(
            nn.Sequential(nn.Linear(n, _EMBEDDED), nn.ReLU(), nn.Linear(_EMBEDDED, _EMBEDDED))
            for n in self.generator.tapped
        )
        drawn(self.embedders)

    def forward(
        self, images: Tensor, scores: Tensor | None = None, patches: int = 0
    ) -> Tensor | list[Tensor]:
        """Images in the target's look; or, of `scores` (N, H, W), embeddings of places.

        Of each tap the `patches` places of highest score, all where it has fewer, as rows of
        length 1: float32 (N, places, 256).
        """
        if scores is None:
            made: Tensor = self.generator(images)
            return made
        found = []
        for embed, tap in zip(self.embedders, self.generator.taps(images), strict=True):
            own = scores[:, : tap.shape[-2], : tap.shape[-1]].flatten(1)
            at = own.topk(min(patches, own.shape[1])).indices
            rows = tap.flatten(2).gather(2, at[:, None].expand(-1, tap.shape[1], -1))
            found.append(F.normalize(embed(rows.transpose(1, 2)).float(), dim=2))
        return found
