"""What a round made of each target image: maps for the page, and a row of its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.domain import tables
from pipeline.domain.pixels import Pixels, resize_label
from pipeline.domain.taxonomy import IGNORE
from pipeline.inference import labelling
from pipeline.inference.predictions import Prediction, Predictions
from pipeline.look import maps
from pipeline.runtime import progress, work

Size = tuple[int, int]
Shares = npt.NDArray[np.uint16]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class View:
    """Maps uint8 of an image at panel size; confidence in LEVELS steps at half of it."""

    predicted: Pixels
    label: Pixels
    confidence: Pixels


def view(found: Prediction, label: Pixels, size: Size) -> View:
    """`label`: uint8 at any size. The logits' grid is stretched to `size` (width, height) alone."""
    logits = found.logits.astype(np.float32)
    predicted, k, _ = labelling.measure(logits, size[1], size[0], window=found.window)
    levels = np.rint(np.exp(-k[::2, ::2]) * (maps.LEVELS - 1)).astype(np.uint8)
    return View(predicted, resize_label(label, size), levels)


def wrong(label: Pixels, truth: Pixels | None) -> float | None:
    """Share of the labelled pixels with a truth that differ from it; None where there are none."""
    if truth is None:
        return None
    both = (label != IGNORE) & (truth != IGNORE)
    return float((label[both] != truth[both]).mean()) if both.any() else None


def wrong_kept(label: Pixels, truth: Pixels | None, classes: int, pixels: int) -> list[int]:
    """Of each class, about how many of an image's `pixels` are labelled as it and are another.

    None where there is no truth.
    """
    if truth is None:
        return [0] * classes
    known = (label != IGNORE) & (truth != IGNORE) & (label != truth)
    counts = np.bincount(label[known], minlength=classes) * (pixels / label.size)
    return [round(count) for count in counts.tolist()]


def confusion(made: Pixels, truth: Pixels, classes: int) -> Shares:
    """Shares (classes, classes) of an image, truth by what was made of it, in parts of WHOLE.

    Rounded up: one pixel is not nothing. Pixels without a truth or a label are in none.
    """
    both = (made != IGNORE) & (truth != IGNORE)
    cells = truth[both].astype(np.int64) * classes + made[both]
    counts = np.bincount(cells, minlength=classes**2).reshape(classes, classes)
    shares: Shares = np.ceil(counts * (maps.WHOLE / made.size)).astype("<u2")
    return shares


def write(
    folder: Path,
    key: str,
    predictions: Predictions,
    label: Callable[[int], Pixels],
    truth: Callable[[int], Pixels | None],
    size: Size,
    whole: bool = True,
    where: str | None = None,
) -> pd.DataFrame:
    """What the page loads of a round, below `folder`, on all cores `where` is said; a row an image.

    maps/: of every image, and in labels/maps/ its label as it is, if `whole`; confusion/maps/:
    one file of all that have a truth, in their order. Columns: wrong, wrong_prediction, and the
    list wrong_kept, of each class, at the working size as what is predicted and kept.
    """

    def one(index: int) -> tuple[float | None, float | None, Counts, Mapping[str, Shares] | None]:
        found, made = predictions[index], label(index)
        seen, classes = view(found, made, size), len(found.logits)
        maps.write(maps.file(folder / "maps", index), key, index, vars(seen))
        if whole:
            path = maps.file(folder / "labels/maps", index)
            maps.write(path, f"look/{key}/labels", index, {"label": above(made)})
        known = truth(index)
        matrices = None
        if known is not None:
            pair = {"predicted": seen.predicted, "label": seen.label}
            matrices = {name: confusion(of, known, classes) for name, of in pair.items()}
        of = wrong_kept(seen.label, known, classes, found.height * found.width)
        # as an array: of a million images a list of Python's integers is three times as large
        counts = np.array(of, np.int64)
        return wrong(seen.label, known), wrong(seen.predicted, known), counts, matrices

    made = progress.track(work.each(one, range(len(predictions)), where), "look", len(predictions))
    labels, predicted, kept, matrices = zip(*made, strict=True)
    write_confusion(folder, key, [each for each in matrices if each is not None])
    shares = {"wrong": np.array(labels, float), "wrong_prediction": np.array(predicted, float)}
    return pd.DataFrame({**shares, "wrong_kept": [*kept]})


def write_confusion(folder: Path, key: str, matrices: Sequence[Mapping[str, Shares]]) -> None:
    """Of all images with a truth, by what was made of them, as one script; nothing of none."""
    if matrices:
        planes = {name: np.stack([each[name] for each in matrices]) for name in matrices[0]}
        path = maps.file(folder / "confusion/maps", 0)
        maps.write(path, f"look/{key}/confusion", 0, planes)


def above(label: Pixels) -> Pixels:
    """Each row as its difference (XOR) from the one above: of regions little is left to pack."""
    differences = label.copy()
    differences[1:] ^= label[:-1]
    return differences


def table(
    images: list[str],
    names: list[str],
    found: pd.DataFrame,
    coverage: pd.DataFrame,
    split: pd.DataFrame,
    corrected: Set[str],
) -> pd.DataFrame:
    """A row an image, in the order of `images`; `names` are theirs as files.

    coverage: share labelled; entropy and confidence: means over pixels; score, rank, subset: the
    split's; corrected; the columns of `found`; and as lists by class predicted, kept, wrong_kept:
    pixels.
    """
    names_of = ("predicted", "kept", "mean_entropy", "mean_confidence")
    by_class = tables.of_images([coverage], images, *names_of)
    pixels = {name: by_class[name] for name in ("predicted", "kept")}
    total = pixels["predicted"].sum(1)
    rows = pd.DataFrame({"image": images, "coverage": pixels["kept"].sum(1) / total})
    for name in ("entropy", "confidence"):
        means = np.nan_to_num(by_class[f"mean_{name}"])
        rows[name] = (means * pixels["predicted"]).sum(1) / total
    ranked = split.set_index("image").loc[images]
    for column in ("score", "rank", "subset"):
        rows[column] = ranked[column].to_numpy()
    rows["corrected"] = [name in corrected for name in names]
    for column in ("wrong", "wrong_prediction", "wrong_kept"):
        rows[column] = found[column].to_numpy()
    for name, counts in pixels.items():
        rows[name] = counts.astype(np.int64).tolist()
    return rows
