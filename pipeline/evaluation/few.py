"""Labelled images that are drawn once, for all models alike, to choose one of these by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from pipeline.domain.samples import Domain
from pipeline.runtime.files import BadInput


@dataclass(frozen=True)
class Drawn:
    """`images`, perhaps none, of `origin` (target or val), and the `rest` of val to report on."""

    images: Domain
    origin: str
    rest: Domain


def check(count: int, truth: Domain, val: Domain) -> None:
    """Raises BadInput where neither the target's `truth` nor val can spare `count` images."""
    if count > (most := max(len(truth), len(val) - 1, 0)):
        raise BadInput(
            f"params.yaml: evaluate.few = {count}: the target has {len(truth)} labelled images and "
            f"val {len(val)}, one of which must be left to report on; {most} is the most"
        )


def draw(count: int, seed: int, truth: Domain, val: Domain) -> Drawn:
    """`count` images of the target's `truth`, or of val where that has too few.

    They depend on the seed and the images' names alone: of more images they are mostly the same,
    and fewer are some of them. Raises BadInput as `check` does.
    """
    check(count, truth, val)
    origin, of = ("target", truth) if count <= len(truth) else ("val", val)
    order = sorted((sample.image for sample in of.samples), key=lambda name: _place(seed, name))
    chosen = {*order[:count]}
    images = replace(of, samples=[s for s in of.samples if s.image in chosen])
    left = [s for s in val.samples if of is truth or s.image not in chosen]
    return Drawn(images, origin, replace(val, samples=left))


def _place(seed: int, image: str) -> bytes:
    """Where an image comes in the order of the draw: no other image moves it."""
    return hashlib.sha256(f"{seed} {image}".encode()).digest()
