"""No images: a val of nothing, where the target has no labels to evaluate on."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.domain.pixels import INDEX
from pipeline.domain.samples import Pair


class Dataset:
    """Reads nothing: models are then told apart by signals that need no label."""

    encoding = INDEX
    values: Mapping[int, str | None] = {}

    def pairs(self) -> list[Pair]:
        """None."""
        return []
