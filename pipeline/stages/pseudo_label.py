"""Pseudo-labels from predictions: thresholds over all target images, then labels of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.domain import artifacts, pictures, tables
from pipeline.domain.pixels import Mask, Pixels
from pipeline.domain.samples import Domain, file_name
from pipeline.domain.taxonomy import IGNORE, Taxonomy
from pipeline.inference import confidence, corrected, labelling, quality
from pipeline.inference.confidence import Counts, Seen
from pipeline.inference.corrected import Pairs
from pipeline.inference.labelling import Floats, Made, Measured
from pipeline.inference.predictions import Prediction, Predictions
from pipeline.runtime import parts, process, progress, work
from pipeline.runtime.files import BadInput
from pipeline.runtime.params import load, root
from pipeline.sections.pseudo_label import Params

_PLANES = 3  # of a prior: classes, rows, columns


@dataclass(frozen=True)
class Labels:
    """What a round's labels are made by: one row a class, and one row an image and class."""

    thresholds: pd.DataFrame  # class, lambda, k, predicted, kept
    corrected: pd.DataFrame  # image, made, corrected, pixels: of the images that have a correction
    # image, class, predicted, sure (of these within the threshold), kept, mean_confidence,
    # mean_entropy
    coverage: pd.DataFrame = field(default_factory=pd.DataFrame)
    quality: pd.DataFrame = field(default_factory=pd.DataFrame)  # see quality.table


class _Done(NamedTuple):
    """Of one image: pixels by class that are sure, and that have a label; how good labels are."""

    image: str
    sure: Counts
    kept: Counts
    judged: quality.Judged
    changed: Pairs | None  # where there is a correction


def everywhere(_: str) -> Mask | None:
    """Every pixel of every image counts."""
    return None


def regions(target: Domain) -> Callable[[str], Mask | None]:
    """Gives, by an image's path, which of its pixels count."""
    if not any(sample.region for sample in target.samples):
        return everywhere
    places = {sample.image: index for index, sample in enumerate(target.samples)}
    return lambda image: target.region(places[image])


def run(
    params: Params,
    predictions: Predictions,
    corrections: Mapping[str, Pixels],
    taxonomy: Taxonomy,
    prior: Floats,
    write: Callable[[str, Made], None],
    region: Callable[[str], Mask | None] = everywhere,
    table: Callable[[str, pd.DataFrame], None] | None = None,
) -> Labels:
    """Gives `write` each image's name and labels, from any thread or process.

    First the scores of all, for thresholds and coverage; then the labels. An image a core is in
    memory. `region`: which pixels of an image count; the others have no score and no label.
    `table` is given coverage and quality in parts, which Labels then lacks.
    """
    classes = len(taxonomy)
    context = {"classes": classes, "portion": params.portion, "prior": prior}
    labeler = parts.build("labelers", params.labeler, params.options, **context)

    def measure(found: Prediction) -> Measured:
        measured: Measured = labeler.measure(*_size(found), window=found.window)
        return labelling.inside(measured, region(found.image))

    def label(index: int) -> _Done:
        found = predictions[index]
        name = file_name(found.image)
        made: Made = labeler.label(*_size(found), k, window=found.window)
        if (counted := region(found.image)) is not None:
            made = labelling.cleared(made, counted, measure(found), k)
        given = corrections.get(name)
        labels = made.labels if given is None else given
        write(name, made._replace(labels=labels))
        kept = np.bincount(labels[labels != IGNORE], minlength=classes)
        changed = None if given is None else corrected.pairs(made.labels, given, classes)
        return _Done(found.image, made.sure, kept, quality.of(found, labels), changed)

    with progress.counter("scores", 2 * len(predictions)) as step:
        k, seen = confidence.thresholds(
            predictions, measure, labeler.pools, params.portion, step, params.compute.cluster
        )
    if params.floor:
        k = np.minimum(k, np.float32(-np.log(params.floor)))
    found: dict[str, list[pd.DataFrame]] = {"coverage": [], "quality": []}
    give = table or (lambda name, part: found[name].append(part))
    total, changed, done, at = np.zeros(classes, np.int64), {}, [], 0
    labels = work.each(label, range(len(predictions)), params.compute.cluster)
    for one in progress.track(labels, "labels", len(predictions)):
        done.append(one)
        total += one.kept
        if one.changed is not None:
            changed[one.image] = one.changed
        if len(done) == tables.ROWS // (classes + 1) or at + len(done) == len(predictions):
            images, own = [each.image for each in done], slice(at, at + len(done))
            give("coverage", _coverage(images, seen.of(own), done, taxonomy))
            give("quality", quality.table(images, [each.judged for each in done], taxonomy))
            at, done = at + len(done), []
    thresholds = _thresholds(k, seen.predicted.sum(0), total, taxonomy)
    whole = {name: pd.concat(parts, ignore_index=True) for name, parts in found.items() if parts}
    return Labels(thresholds, corrected.table(changed, taxonomy), **whole)


def _size(prediction: Prediction) -> tuple[Floats, int, int]:
    return prediction.logits.astype(np.float32), prediction.height, prediction.width


def _coverage(
    images: Sequence[str], seen: Seen, done: Sequence[_Done], taxonomy: Taxonomy
) -> pd.DataFrame:
    n = len(taxonomy)
    with np.errstate(invalid="ignore"):
        confidence, entropy = seen.confidence / seen.predicted, seen.entropy / seen.predicted
    return pd.DataFrame(
        {
            "image": pd.Index(images).repeat(n),
            "class": np.tile(taxonomy.names, len(images)),
            "predicted": seen.predicted.ravel(),
            "sure": np.stack([one.sure for one in done]).ravel(),
            "kept": np.stack([one.kept for one in done]).ravel(),
            "mean_confidence": confidence.ravel(),
            "mean_entropy": entropy.ravel() / np.log(max(n, 2)),
        }
    )


def _thresholds(k: Floats, predicted: Counts, kept: Counts, taxonomy: Taxonomy) -> pd.DataFrame:
    k = np.maximum(k, 0)  # NOTHING is lambda = 1 in the paper
    return pd.DataFrame(
        {
            "class": taxonomy.names,
            "lambda": np.exp(-k.astype(np.float64)),
            "k": k,
            "predicted": predicted,
            "kept": kept,
        }
    )


def main() -> None:
    """Open, run, write."""
    read = ("target", "predictions", "corrections", "taxonomy", "prior")
    made_of = ("labels", "dense", "thresholds", "coverage", "quality", "corrected")
    at = process.paths(*read, *made_of, item=True)
    params = load(Params, "pseudo_label", f"rounds.{at.item}.pseudo_label")
    taxonomy = artifacts.read_taxonomy(at.taxonomy)
    corrections = pictures.LabelMaps(at.corrections, len(taxonomy))

    def write(name: str, made: Made) -> None:
        for folder, label in ((at.labels, made.labels), (at.dense, made.dense)):
            if label is not None:
                pictures.write_label(folder / f"{name}.png", label, taxonomy.colours)

    target = artifacts.read_domain(at.target, root("target"))
    predictions = Predictions(at.predictions, len(taxonomy))
    predictions.check_images([sample.image for sample in target.samples])
    prior = artifacts.read_array(at.prior)
    if prior.ndim != _PLANES or len(prior) != len(taxonomy):
        raise BadInput(
            f"{at.prior}: {prior.shape} is no prior of {len(taxonomy)} classes; run dvc repro, "
            "which makes it again"
        )
    given = (params, predictions, corrections, taxonomy, prior, write, regions(target))
    with tables.in_parts(at.coverage) as coverage, tables.in_parts(at.quality) as judged:
        parts_of = {"coverage": coverage, "quality": judged}
        made = run(*given, lambda name, part: parts_of[name](part))
    work.sweep([at.labels, at.dense])
    # DVC looks for the folder whatever the labeler, and warns of an empty one
    dense = pd.DataFrame({"image": sorted(path.stem for path in at.dense.glob("*.png"))})
    artifacts.write_table(at.dense / "images.csv", dense)
    artifacts.write_table(at.thresholds, made.thresholds)
    artifacts.write_table(at.corrected, made.corrected)


if __name__ == "__main__":
    process.stage(main)
