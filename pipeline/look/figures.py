"""The figures of a report: models by round and class, what their labels hold, and a mosaic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from PIL import Image

from pipeline.look import plots
from pipeline.runtime.contents import Content

SIGNALS = ("entropy", "information", "neighbourhood", "neighbourhood_image")
"""What needs no label: evaluation/signals.py."""

OF_MODELS = {
    "miou": ("mIoU by round", "mIoU on the evaluation set (%)"),
    "entropy": ("Entropy by round", "entropy of predictions, lower is better"),
    "information": ("Information by round", "information, higher is better"),
    "neighbourhood": ("Neighbourhood by round", "density of all images (nats), higher is better"),
    "neighbourhood_image": ("Neighbourhood in images by round", "density (nats), higher is better"),
}
"""Of a figure its title, and what is on its axis."""

OF_CLASSES = {
    "lambda": "Thresholds of the pseudo-labels (%)",
    "coverage": "Share of each class that is labelled (%)",
    "precision": "Precision of the pseudo-labels (%)",
}


def of(
    params: Content,
    rounds: pd.DataFrame,
    iou: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    looks: Mapping[str, Image.Image],
    panels: Sequence[str],
) -> dict[str, Image.Image]:
    """By name. `rounds`, `iou`: a row, a column a model; `tables`: a row a class, by model.

    `looks`: a strip of `panels` by round. Without mIoU, signals are drawn in its place.
    """
    figures = {"iou_by_class": plots.heat(iou, "IoU by class (%)")} if len(iou.columns) else {}
    figures |= dict(_by_round(params, rounds))
    if looks:
        strips = [np.split(np.asarray(s), len(panels), axis=1) for s in looks.values()]
        figures["mosaic"] = plots.mosaic(strips, panels, list(looks))
    return figures | dict(_by_class(params, tables))


def _by_round(params: Content, rounds: pd.DataFrame) -> Iterator[tuple[str, Image.Image]]:
    adapted = rounds[rounds["model"].isin([*(params.get("rounds") or {})])]
    if not len(adapted):
        return
    first = rounds[rounds["model"].isin(adapted["teacher"]) & ~rounds.index.isin(adapted.index)]
    others = rounds[~rounds["model"].isin([*adapted["model"], *first["model"]])]
    path = pd.concat([first, adapted])
    for key in ["miou"] if "miou" in rounds else [key for key in SIGNALS if key in rounds]:
        baselines = dict(zip(others["model"], others[key], strict=True))
        yield f"{key}_by_round", plots.by_round(path, key, OF_MODELS[key], baselines)
    yield "labels_by_round", plots.labels_by_round(adapted)


def _by_class(
    params: Content, tables: Mapping[str, pd.DataFrame]
) -> Iterator[tuple[str, Image.Image]]:
    """What was found of each class's pseudo-labels in each round, as heat maps."""
    for column, title in OF_CLASSES.items():
        each = {
            name: tables[name].set_index("class")[column].astype(float)
            for name in params.get("rounds") or {}
            if column in tables[name]
        }
        if each:
            table = pd.DataFrame(each) * (100 if column == "lambda" else 1)
            yield f"{column}_by_class", plots.heat(table, title)
