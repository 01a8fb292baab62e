"""A model's mIoU on the evaluation set, and how good a round's pseudo-labels are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from lightning_fabric import Fabric
from pydantic import Field

from pipeline import artifacts, model, predict, process, progress, scores
from pipeline.compute import Compute, launch
from pipeline.params import Section, load, root
from pipeline.pseudo import PseudoLabelled
from pipeline.samples import Domain
from pipeline.taxonomy import IGNORE


class Params(Section):
    """Section `evaluate`, with `compute`. Without a size, each label's own."""

    width: int | None = Field(default=None, ge=1)
    height: int | None = Field(default=None, ge=1)
    flip: bool = False
    scales: tuple[float, ...] = (1.0,)
    batch: int = Field(4, ge=1)
    compute: Compute = Compute()


@dataclass(frozen=True)
class PseudoLabels:
    """A round's labels, and the truth of those target images that have one."""

    labels: PseudoLabelled
    truth: Domain


def run(params: Params, evaluated: model.Model, val: Domain, fabric: Fabric) -> scores.Confusion:
    """The confusion matrix over all of `val`, at the evaluation size."""
    network = fabric.setup_module(evaluated).eval()
    confusion = scores.Confusion(len(evaluated.recipe.taxonomy))
    batches = predict.batches(range(len(val)), params.batch)
    found = predict.images(val, batches, params.compute.workers)
    for indices, images in progress.track(found, "evaluate", -(-len(val) // params.batch)):
        logits = predict.scores(network, fabric.to_device(images), params.flip, params.scales)
        for index, maps in zip(indices, logits, strict=True):
            sample = val.samples[index]
            size = (params.width or sample.width, params.height or sample.height)
            prediction = predict.labels(maps[None], size[1], size[0])[0].cpu().numpy()
            confusion.add(val.label(index, size), prediction)
    return confusion


def quality(pseudo: PseudoLabels) -> tuple[scores.Confusion, float]:
    """Truth by pseudo-label over the images with a truth; and the labelled share of all pixels."""
    confusion = scores.Confusion(pseudo.labels.classes)
    truths = {sample.image: index for index, sample in enumerate(pseudo.truth.samples)}
    labelled = total = 0
    for index, sample in enumerate(pseudo.labels.samples):
        label = pseudo.labels.label(index)
        labelled, total = labelled + int((label != IGNORE).sum()), total + label.size
        if (truth := truths.get(sample.image)) is not None:
            confusion.add(pseudo.truth.label(truth), label)
    return confusion, 100 * labelled / total


def tables(
    confusion: scores.Confusion, evaluated: model.Model, pseudo: PseudoLabels | None
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The metrics of metrics.json, and one row a class."""
    taxonomy = evaluated.recipe.taxonomy
    metrics: dict[str, Any] = dict(scores.summary(confusion.iou(), taxonomy))
    table = pd.DataFrame({"class": taxonomy.names, "iou": confusion.iou()})
    if pseudo is not None:
        labels, coverage = quality(pseudo)
        metrics["labels"] = {"coverage": round(coverage, 6), "precision": labels.accuracy()}
        table["precision"] = labels.precision()
        table["coverage"] = labels.coverage()
    return metrics, table.round(6).replace({np.nan: None})


def main() -> None:
    """Open, run, write."""
    optional = ("target", "labels", "target_truth")
    at = process.paths("model", "val", "metrics", "iou", item=True, optional=optional)
    params = load(Params, "evaluate", f"rounds.{at.item}.evaluate")
    evaluated = model.load(at.model)
    val = artifacts.read_domain(at.val, root("val"))
    confusion = run(params, evaluated, val, launch(params.compute))
    pseudo = None
    if at.labels is not None:
        target = artifacts.read_domain(at.target, root("target"))
        labels = PseudoLabelled(target, at.labels, len(evaluated.recipe.taxonomy))
        pseudo = PseudoLabels(labels, artifacts.read_domain(at.target_truth, root("target")))
    metrics, table = tables(confusion, evaluated, pseudo)
    artifacts.write_json(at.metrics, metrics)
    artifacts.write_table(at.iou, table)


if __name__ == "__main__":
    process.stage(main)
