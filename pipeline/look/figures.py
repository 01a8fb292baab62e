"""Which figures the report has, by name; summary.py says what each shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from PIL import Image

from pipeline.domain.taxonomy import Taxonomy
from pipeline.look import mosaics, plots
from pipeline.look.choice import choose

Figures = dict[str, Image.Image]

SIGNALS = ("entropy", "information", "neighbourhood", "neighbourhood_image")
"""What needs no label: evaluation/signals.py."""

_OF_MODELS = {
    "miou": "mIoU (%)",
    "few": "mIoU on few labels (%)",
    "entropy": "Entropy (lower is better)",
    "information": "Information (higher is better)",
    "neighbourhood": "Density of all images (nats, higher is better)",
    "neighbourhood_image": "Density in each image (nats, higher is better)",
}
"""By column of the table of models."""

_OF_CLASSES = {
    "lambda": "Thresholds: how probable a label must be (%)",
    "coverage": "Coverage: share of each class that is labelled (%)",
    "precision": "Precision: share of each class's labels that is right (%)",
}
"""By the column of a round's table of classes."""

_ONE = "One image of the target in each round, and what the round's teacher made of it"


def of(models: pd.DataFrame, iou: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> Figures:
    """Of all models, and of each class in each round, as far as anything is known.

    `models`: a row each, as rounds.csv has them. `iou`: a row a class, a column a model.
    `tables`: by round, a row a class. Without mIoU, few labels and signals are drawn in its place.
    """
    return {**_classes(iou), **dict(_rounds(models, [*tables])), **_labels(tables)}


def in_rounds(
    looks: Mapping[str, Image.Image], panels: Sequence[str], taxonomy: Taxonomy
) -> Figures:
    """The mosaic of `looks`, a strip of `panels` by round."""
    if not looks:
        return {}
    strips = [np.split(np.asarray(strip), len(panels), axis=1) for strip in looks.values()]
    return {"mosaic": mosaics.mosaic(strips, panels, [*looks], taxonomy, _ONE)}


def _classes(iou: pd.DataFrame) -> Figures:
    known = iou.notna().any(axis=None)
    return {"iou_by_class": plots.heat(iou, "IoU by class (%)")} if known else {}


def _rounds(models: pd.DataFrame, names: Sequence[str]) -> Iterator[tuple[str, Image.Image]]:
    """Curves over rounds, from the model that taught the first, beside all other models."""
    adapted = models[models["model"].isin(names)]
    if not len(adapted):
        return
    first = models[models["model"].isin(adapted["teacher"]) & ~models.index.isin(adapted.index)]
    others = models[~models["model"].isin([*adapted["model"], *first["model"]])]
    path, known = pd.concat([first, adapted]), adapted.columns[adapted.notna().any()]
    for column in _drawn(models):
        if column in known:
            beside = others[others[column].notna()]
            baselines = dict(zip(beside["model"], beside[column], strict=True))
            made = plots.by_round(path, column, _OF_MODELS[column], baselines)
            yield f"{column}_by_round", made
    if {"coverage", "precision"} & {*known}:
        yield "labels_by_round", plots.labels_by_round(adapted)


def _drawn(models: pd.DataFrame) -> list[str]:
    """What models are told apart by; but for mIoU, beside all that needs no label."""
    choice = choose(models)
    by = [choice.measure.column] if choice else []
    return by if by == ["miou"] else [*dict.fromkeys([*by, *SIGNALS])]


def _labels(tables: Mapping[str, pd.DataFrame]) -> Figures:
    """What was found of each class's pseudo-labels in each round, as heat maps."""
    found = {}
    for column, title in _OF_CLASSES.items():
        columns = {
            name: table.set_index("class")[column].astype(float)
            for name, table in tables.items()
            if column in table
        }
        if columns:
            values = pd.DataFrame(columns) * (100 if column == "lambda" else 1)
            found[f"{column}_by_class"] = plots.heat(values, title)
    return found
