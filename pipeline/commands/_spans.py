"""Seconds as they are measured: from the fastest part to the slowest."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

_PARTS = 3


class Span(NamedTuple):
    """Seconds, from the fastest measured part to the slowest."""

    low: float
    high: float

    def __add__(self, other: object) -> Span:
        """Both together: what is fast stays so, and what is slow too."""
        assert isinstance(other, Span)
        return Span(self.low + other.low, self.high + other.high)

    def __mul__(self, times: object) -> Span:
        """So many of it."""
        assert isinstance(times, int | float)
        return Span(self.low * times, self.high * times)


NOTHING = Span(0, 0)


def span(seconds: Sequence[float]) -> Span:
    """The lowest and the highest mean of three parts, in order: no single moment decides."""
    means = [float(part.mean()) for part in np.array_split(seconds, min(_PARTS, len(seconds)))]
    return Span(min(means), max(means))


def timed(run: Callable[[], object], images: int) -> Span:
    """Seconds an image of one that runs three times, after a first that warms up."""
    run()
    seconds = []
    for _ in range(_PARTS):
        began = time.perf_counter()
        run()
        seconds.append((time.perf_counter() - began) / max(1, images))
    return span(seconds)
