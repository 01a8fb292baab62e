"""What a benchmark's row says of a model, by the stage evaluate."""

from __future__ import annotations

from typing import Any

import pandas as pd
from experiments import World

from pipeline.evaluation import few
from pipeline.model import model
from pipeline.stages import evaluate

FEW = (1, 2, 5, 10, 20)


def scored(
    world: World, found: model.Model, labels: evaluate.PseudoLabels | None = None
) -> dict[str, Any]:
    """mIoU, rare classes, signals and, for a round, its labels' coverage and precision."""
    metrics, _ = _evaluated(world, _params(world), found, labels)
    return metrics


def scored_by_class(
    world: World, found: model.Model, labels: evaluate.PseudoLabels | None = None
) -> dict[str, Any]:
    """As `scored`, and each class's IoU and labels, and mIoU on a few of the target's labels."""
    params = _params(world)
    metrics, table = _evaluated(world, params, found, labels)
    classes = table.set_index("class").to_dict("index")
    return {**metrics, "classes": classes, "few": on_few(world, params, found)}


def _params(world: World) -> evaluate.Params:
    given: evaluate.Params = world.section(evaluate.Params, "evaluate", world.content["evaluate"])
    return given


def _evaluated(
    world: World,
    params: evaluate.Params,
    found: model.Model,
    labels: evaluate.PseudoLabels | None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """What the stage writes: metrics, and a row a class."""
    confusion = evaluate.run(params, found, world.prepared.val, world.fabric)
    signals = evaluate.label_free(params, found, world.prepared.target, world.fabric)
    return evaluate.tables(confusion, found, labels, signals)


def on_few(world: World, params: evaluate.Params, found: model.Model) -> dict[str, float]:
    """mIoU on 1, 2, 5 and so on labelled target images; of more images fewer are some."""
    truth, val = world.prepared.target_truth, world.prepared.val
    counts = [count for count in FEW if count <= len(truth)]
    drawn = {count: few.draw(count, world.seed, truth, val) for count in counts}
    return {
        str(count): evaluate.label_light(params, found, each, world.fabric)["miou"]
        for count, each in drawn.items()
    }
