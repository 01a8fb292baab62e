"""A model's mIoU on the evaluation set, and how good a round's pseudo-labels are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from lightning_fabric import Fabric

from pipeline.checks import plan
from pipeline.domain import artifacts
from pipeline.domain.samples import Domain
from pipeline.evaluation import few, scores, signals
from pipeline.inference import predict
from pipeline.inference.precision import PseudoLabels, quality
from pipeline.inference.pseudo import PseudoLabelled
from pipeline.model import model
from pipeline.runtime import cluster, display, process, progress
from pipeline.runtime.files import write_json
from pipeline.runtime.launch import launch
from pipeline.runtime.params import load, read, root
from pipeline.sections.evaluate import Params

_BATCHES = 8  # that a process of a cluster has at once


def run(
    params: Params,
    evaluated: model.Model,
    val: Domain,
    fabric: Fabric,
    batches: Sequence[range] | None = None,
) -> scores.Confusion:
    """The confusion matrix over all of `val`, perhaps nothing, at the evaluation size.

    Or over some of its `batches`.
    """
    network = fabric.setup_module(evaluated).eval()
    confusion = scores.Confusion(len(evaluated.recipe.taxonomy))
    if batches is None:
        batches = predict.batches(range(len(val)), params.batch)
    if not batches:
        return confusion
    found = predict.images(val, batches, params.compute.workers)
    for indices, images in progress.track(found, "evaluate", len(batches)):
        logits, over = predict.scores(network, fabric.to_device(images), params.flip, params.scales)
        for index, maps in zip(indices, logits, strict=True):
            sample = val.samples[index]
            size = (params.width or sample.width, params.height or sample.height)
            prediction = predict.labels(maps[None], size[1], size[0], over)[0].cpu().numpy()
            confusion.add(val.label(index, size), prediction)
    return confusion


def label_free(
    params: Params, evaluated: model.Model, target: Domain, fabric: Fabric
) -> dict[str, float]:
    """signals.signals on some images of the target, which no label is needed for."""
    network = fabric.setup_module(evaluated).eval()
    count = min(params.signals, len(target))
    chosen = np.linspace(0, len(target) - 1, count).round().astype(int).tolist()
    found = predict.images(target, [range(i, i + 1) for i in chosen], params.compute.workers)
    logits = (predict.scores(network, fabric.to_device(image))[0][0] for _, image in found)
    return signals.signals((grid.cpu() for grid in logits), count) if count else {}


def label_light(
    params: Params, evaluated: model.Model, drawn: few.Drawn, fabric: Fabric
) -> dict[str, Any]:
    """mIoU on the few labelled images that were drawn, with their number and where they are from.

    Nothing of none.
    """
    return _light(drawn, run(params, evaluated, drawn.images, fabric), evaluated)


def _light(drawn: few.Drawn, found: scores.Confusion, evaluated: model.Model) -> dict[str, Any]:
    if not len(drawn.images):
        return {}
    miou = scores.summary(found.iou(), evaluated.recipe.taxonomy)["miou"]
    return {"images": len(drawn.images), "from": drawn.origin, "miou": miou}


@dataclass(frozen=True)
class Judge:
    """What the processes of a cluster do, which are sent the model."""

    params: Params
    evaluated: model.Model
    domains: Mapping[str, Domain]

    @cached_property
    def _fabric(self) -> Fabric:
        return launch(self.params.compute, alone=True)

    def __call__(self, what: tuple[str, Sequence[range]]) -> Any:
        """The matrix of some batches of a domain; of no batches, the target's signals."""
        name, batches = what
        given = (self.params, self.evaluated, self.domains[name], self._fabric)
        with display.hidden():
            return run(*given, batches).matrix if batches else label_free(*given)


def spread(judge: Judge) -> tuple[dict[str, scores.Confusion], dict[str, float]]:
    """The matrices of the domains val and few, and the target's signals, from a cluster."""
    classes = len(judge.evaluated.recipe.taxonomy)
    matrices = {name: scores.Confusion(classes) for name in ("val", "few")}
    jobs: list[tuple[str, Sequence[range]]] = [("target", ())]
    for name in matrices:
        batches = predict.batches(range(len(judge.domains[name])), judge.params.batch)
        jobs += [(name, batches[at : at + _BATCHES]) for at in range(0, len(batches), _BATCHES)]
    made = progress.track(cluster.actors(judge, jobs, judge.params.compute), "evaluate", len(jobs))
    signalled: dict[str, float] = next(made)
    for (name, _), matrix in zip(jobs[1:], made, strict=True):
        matrices[name].matrix += matrix
    return matrices, signalled


def tables(
    confusion: scores.Confusion,
    evaluated: model.Model,
    pseudo: PseudoLabels | None,
    found: Mapping[str, float] | None = None,
    light: Mapping[str, Any] | None = None,
    where: str | None = None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The metrics of metrics.json, and one row a class; what no label tells is in neither.

    `found`: what label_free gives. `light`: what label_light does.
    """
    taxonomy = evaluated.recipe.taxonomy
    measured = scores.summary(confusion.iou(), taxonomy)
    metrics: dict[str, Any] = {k: value for k, value in measured.items() if value is not None}
    if found:
        metrics["signals"] = dict(found)
    if light:
        metrics["few"] = dict(light)
    table = pd.DataFrame({"class": taxonomy.names, "iou": confusion.iou()})
    if pseudo is not None:
        labels, coverage = quality(pseudo, where)
        about = {"coverage": coverage, "precision": labels.accuracy()}
        metrics["labels"] = {key: value for key, value in about.items() if value is not None}
        table["precision"] = labels.precision()
        table["coverage"] = labels.coverage()
        if pseudo.thresholds is not None:
            table["lambda"] = pseudo.thresholds["lambda"].to_numpy(float)
    return metrics, table.round(6).dropna(axis=1, how="all").replace({np.nan: None})


def main() -> None:
    """Open, run, write."""
    names = ("model", "val", "target", "target_truth", "metrics", "iou")
    at = process.paths(*names, item=True, optional=("labels", "thresholds"))
    if at.labels is not None:
        plan.check(read(), at.item)
    params = load(Params, "evaluate", f"rounds.{at.item}.evaluate")
    val = artifacts.read_domain(at.val, root("val"), empty=True)
    target = artifacts.read_domain(at.target, root("target"))
    truth = artifacts.read_domain(at.target_truth, root("target"), empty=True)
    drawn = few.draw(params.few, params.seed, truth, val)
    evaluated = model.of_task(at.model)
    where = params.compute.cluster
    if where is None:
        fabric = launch(params.compute, alone=True)
        confusion = run(params, evaluated, drawn.rest, fabric)
        found = label_free(params, evaluated, target, fabric)
        light = label_light(params, evaluated, drawn, fabric)
    else:
        domains = {"val": drawn.rest, "few": drawn.images, "target": target}
        matrices, found = spread(Judge(params, evaluated, domains))
        confusion, light = matrices["val"], _light(drawn, matrices["few"], evaluated)
    pseudo = None
    if at.labels is not None:
        classes = evaluated.recipe.taxonomy.names
        thresholds = artifacts.read_table(at.thresholds, "lambda", classes=classes)
        pseudo = PseudoLabels(PseudoLabelled(target, at.labels, len(classes)), truth, thresholds)
    metrics, table = tables(confusion, evaluated, pseudo, found, light, where)
    write_json(at.metrics, metrics)
    artifacts.write_table(at.iou, table)


if __name__ == "__main__":
    process.stage(main)
