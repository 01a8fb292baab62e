"""Pseudo-labels from predictions: thresholds over all target images, then labels of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from pipeline import artifacts, confidence, parts, process, progress
from pipeline.params import Section, load
from pipeline.samples import Pixels, file_name
from pipeline.taxonomy import IGNORE, Taxonomy


class Params(Section):
    """`rounds.<round>.pseudo_label` over `pseudo_label`."""

    labeler: str
    portion: float = Field(ge=0, le=1)
    options: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class Labels:
    """What a round's labels are made by: one row a class, and one row an image and class."""

    thresholds: pd.DataFrame  # class, lambda, k, predicted, kept
    coverage: pd.DataFrame  # image, class, predicted, kept, mean_confidence, mean_entropy


def run(
    params: Params,
    predictions: artifacts.Predictions,
    corrections: Mapping[str, Pixels],
    taxonomy: Taxonomy,
    write: Callable[[str, Pixels], None],
) -> Labels:
    """Gives `write` each image's name and train ids uint8 (height, width), from any thread.

    Two passes over the predictions, one image a core in memory.
    """
    classes = len(taxonomy)
    labeler = parts.build(
        "labelers", params.labeler, params.options, classes=classes, portion=params.portion
    )
    with progress.counter("thresholds", 2 * len(predictions)) as step:
        k, _ = confidence.thresholds(predictions, _scores, labeler.pools, params.portion, step)

    def label(prediction: artifacts.Prediction) -> pd.DataFrame:
        name = file_name(prediction.image)
        grid = prediction.logits.astype(np.float32)
        made = labeler.label(grid, prediction.height, prediction.width, k)
        write(name, made := corrections.get(name, made))
        predicted, sure, entropy = confidence.measure(grid, prediction.height, prediction.width)
        return _coverage(prediction.image, predicted, sure, entropy, made, taxonomy)

    made = confidence.on_all_cores(label, predictions)
    coverage = pd.concat(progress.track(made, "labels", len(predictions)), ignore_index=True)
    return Labels(_thresholds(k, coverage, taxonomy), coverage)


def _scores(prediction: artifacts.Prediction) -> tuple[Pixels, confidence.Floats]:
    grid = prediction.logits.astype(np.float32)
    predicted, k, _ = confidence.measure(grid, prediction.height, prediction.width)
    return predicted, k


def _coverage(
    image: str,
    predicted: Pixels,
    k: confidence.Floats,
    entropy: confidence.Floats,
    made: Pixels,
    taxonomy: Taxonomy,
) -> pd.DataFrame:
    n, flat = len(taxonomy), predicted.ravel()
    pixels = np.bincount(flat, minlength=n)
    with np.errstate(invalid="ignore"):
        sure = np.bincount(flat, np.exp(-k).ravel(), n) / pixels
        unsure = np.bincount(flat, entropy.ravel(), n) / pixels / np.log(max(n, 2))
    return pd.DataFrame(
        {
            "image": image,
            "class": taxonomy.names,
            "predicted": pixels,
            "kept": np.bincount(made[made != IGNORE], minlength=n),
            "mean_confidence": sure,
            "mean_entropy": unsure,
        }
    )


def _thresholds(k: confidence.Floats, coverage: pd.DataFrame, taxonomy: Taxonomy) -> pd.DataFrame:
    sums = coverage.groupby("class", sort=False)[["predicted", "kept"]].sum()
    sums = sums.reindex(list(taxonomy.names)).reset_index()
    sums.insert(1, "lambda", np.exp(-k.astype(np.float64)))
    sums.insert(2, "k", k)
    return sums


def main() -> None:
    """Open, run, write."""
    names = ("predictions", "corrections", "taxonomy", "labels", "thresholds", "coverage")
    at = process.paths(*names, item=True)
    params = load(Params, "pseudo_label", f"rounds.{at.item}.pseudo_label")
    taxonomy = artifacts.read_taxonomy(at.taxonomy)
    corrections = {
        path.stem: artifacts.read_label_map(path, len(taxonomy))
        for path in sorted(at.corrections.glob("*.png"))
    }

    def write(name: str, label: Pixels) -> None:
        artifacts.write_label(at.labels / f"{name}.png", label, taxonomy.colours)

    made = run(params, artifacts.Predictions(at.predictions), corrections, taxonomy, write)
    artifacts.write_table(at.thresholds, made.thresholds)
    artifacts.write_table(at.coverage, made.coverage)


if __name__ == "__main__":
    process.stage(main)
