"""What a round's teacher predicts otherwise than the one before, at the panels' size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.look import maps
from pipeline.runtime import progress, threads
from pipeline.runtime.contents import Content
from pipeline.runtime.names import ancestry

Counts = npt.NDArray[np.int64]
"""(images, 2, C): pixels that are predicted as a class, and of these those that were not before."""


def of_rounds(
    params: Content, look: Path, size: tuple[int, int], classes: int
) -> dict[str, Counts]:
    """By round that has one before it among its teachers; `look`: where all rounds' maps lie."""
    chains = [ancestry(params, name) for name in params.get("rounds") or {}]
    before = {chain[-1]: chain[-2] for chain in chains if len(chain) > 1}
    return {
        name: between(look / earlier / "maps", look / name / "maps", size, classes)
        for name, earlier in before.items()
    }


def between(before: Path, now: Path, size: tuple[int, int], classes: int) -> Counts:
    """Of two folders of maps of `size` (width, height), which are read once."""

    def one(index: int) -> Counts:
        earlier, later = (
            maps.unpack(maps.read(maps.file(folder, index))["predicted"], size)
            for folder in (before, now)
        )
        each = (later.ravel(), later[earlier != later])
        return np.stack([np.bincount(of, minlength=classes) for of in each])

    count = sum(1 for _ in now.glob("*.js"))
    found = threads.on_all_cores(one, range(count))
    return np.stack([*progress.track(found, f"change to {now.parent.name}", count)])


def shares(counts: Counts) -> list[float]:
    """Of each image the share of its pixels that changed, to four decimals."""
    total, changed = np.moveaxis(counts.sum(2), 1, 0)
    return [round(share, 4) for share in (changed / total).tolist()]


def table(found: Mapping[str, Counts], images: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """By round, image and class, "" for the whole image: predicted, pixels of the panel; changed.

    The latter is a share of them, NaN of none. `names`: the classes'.
    """
    kinds = len(names) + 1
    whole = [np.append(counts, counts.sum(2, keepdims=True), axis=2) for counts in found.values()]
    flat = np.concatenate([*whole, np.empty((0, 2, kinds), np.int64)])
    predicted, changed = np.moveaxis(flat, 1, 0).reshape(2, -1)
    rounds = np.repeat(np.arange(len(found)), len(images) * kinds)
    image = np.tile(np.arange(len(images)).repeat(kinds), len(found))
    of_class = np.tile(np.arange(kinds), len(found) * len(images))
    with np.errstate(invalid="ignore"):
        share = (changed / predicted).astype(np.float32)
    return pd.DataFrame(
        {
            "round": pd.Categorical.from_codes(rounds, pd.Index([*found], dtype=str)),
            "image": pd.Categorical.from_codes(image, pd.Index(images, dtype=str)),
            "class": pd.Categorical.from_codes(of_class, pd.Index([*names, ""], dtype=str)),
            "predicted": predicted,
            "changed": share,
        }
    )
