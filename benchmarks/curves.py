"""What each loss of a training did, in short."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

TENTHS = 10


class Curve:
    """A Log that keeps the mean of each term by tenths of the steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.found: dict[str, list[list[float]]] = defaultdict(lambda: [[] for _ in range(TENTHS)])

    def __call__(self, step: int, values: dict[str, float], /) -> None:
        """Add a step."""
        for key, value in values.items():
            self.found[key][step * TENTHS // self.steps].append(value)

    def means(self) -> dict[str, list[float]]:
        """By term, the mean of each tenth."""
        return {k: [round(float(np.mean(part)), 5) for part in v] for k, v in self.found.items()}
