"""Section `pretrain`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.model.recipe import Normalisation
from pipeline.runtime.params import Section, Seed
from pipeline.sections.training import Training


class Network(Section):
    """Section `network`: which, its options, and a file of weights to start from."""

    name: str
    options: dict[str, Any] = Field(default_factory=dict)
    weights: Path | None = None
    normalisation: Normalisation | None = None  # that of the weights

    @property
    def files(self) -> list[Path]:
        """All that its weights are read from."""
        named = self.options.get("pretrained")
        own = [Path(named)] if isinstance(named, str) and Path(named).is_file() else []
        return [*own, *([self.weights] if self.weights else [])]


class Params(Training):
    """`pretrain.<name>` over `training`, with `network`, `compute` and `seed`."""

    seed: Seed
    steps: int = Field(ge=0)  # 0: the initial weights, for rounds that start afresh
    network: Network
