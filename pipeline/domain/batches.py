"""Batches of the source, the target and hard target images, drawn by seed and step alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from torch import Tensor

from pipeline.domain.pixels import Pixels
from pipeline.domain.samples import Sample
from pipeline.domain.shares import counted


class Source(Protocol):
    """Images with labels: a domain, or a domain with pseudo-labels in place of its own."""

    @property
    def samples(self) -> Sequence[Sample]:
        """Their names and sizes."""

    def __len__(self) -> int: ...

    def image(self, index: int) -> Pixels:
        """uint8 (height, width, 3) RGB."""

    def label(self, index: int) -> Pixels:
        """Train ids uint8 (height, width)."""


Side = tuple[Sequence[Source], int] | None
"""What takes turns on one side, of most one alone, and how many samples are in a batch."""

Sides = tuple[Side, ...]
"""Source, target and, of some objectives, hard target images."""


class Labelled(NamedTuple):
    """Images uint8 (N, 3, H, W), train ids int64 (N, H, W), and where they come from.

    `windows` float32 (N, 4): where each crop lies in its image (see views.View). `origins` int64
    (N): which of the side's members each is of, 0 where there is one. Where labels may
    be soft, the teacher's logits float16 (N, C, h, w), and `over` float32 (N, 4) what they cover of
    the whole images. `pasted` bool (N, H, W) of a mixture: which pixels are the source's. `keys`
    int64 (N): a seed of each sample, for what an objective draws of it.
    """

    images: Tensor
    labels: Tensor
    names: list[str]
    windows: Tensor
    origins: Tensor
    logits: Tensor | None = None
    over: Tensor | None = None
    pasted: Tensor | None = None
    keys: Tensor | None = None


class Batch(NamedTuple):
    """Any side may be absent: no target in pretraining, no source in IntraDA.

    `hard` are target images that are only aligned: their labels are not used. `mixed` and `masked`
    are made of source and target, position by position (mixing.Mixing).
    """

    source: Labelled | None
    target: Labelled | None
    hard: Labelled | None = None
    mixed: Labelled | None = None
    masked: Labelled | None = None


def shares(
    sources: Sequence[Source],
    target: Source,
    batch: int,
    source_share: float,
    hard: Source | None = None,
    hard_share: float = 0.0,
) -> Sides:
    """`source_share` and `hard_share` of each batch; the rest is the target: see `counted`.

    `sources` take turns, so that each has an equal share.
    """
    counts = counted(batch, source_share, hard_share)
    aligned = None if hard is None else ([hard], counts["hard"])
    return (sources, counts["source"]), ([target], counts["target"]), aligned
