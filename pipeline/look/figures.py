"""Which figures the report has, by name; summary.py says what each shows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from PIL import Image

from pipeline.domain.taxonomy import Taxonomy
from pipeline.look import comparison, mosaics, plots

Figures = dict[str, Image.Image]

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
    `tables`: by round, a row a class.
    """
    return {**_classes(iou), **_rounds(models, [*tables]), **_labels(tables)}


def in_rounds(looks: Mapping[str, Image.Image], taxonomy: Taxonomy) -> Figures:
    """The mosaic of `looks`, a strip of panels by round."""
    if not looks:
        return {}
    strips = [np.split(np.asarray(strip), 4, axis=1) for strip in looks.values()]
    return {"mosaic": mosaics.mosaic(strips, mosaics.PANELS, [*looks], taxonomy, _ONE)}


def _classes(iou: pd.DataFrame) -> Figures:
    known = iou.notna().any(axis=None)
    return {"iou_by_class": plots.heat(iou, "IoU by class (%)")} if known else {}


def _rounds(models: pd.DataFrame, names: list[str]) -> Figures:
    """Curves over rounds, from the model that taught the first, beside all other models."""
    adapted = models[models["model"].isin(names)]
    first = models[models["model"].isin(adapted["teacher"]) & ~models.index.isin(adapted.index)]
    others = models[~models["model"].isin([*adapted["model"], *first["model"]])]
    found, by = {}, comparison.measure(models)
    if len(adapted) and by is not None:
        known = others[others[by].notna()]
        baselines = dict(zip(known["model"], known[by], strict=True))
        told = comparison.MEASURES[by] + ("" if by in comparison.DIGITS else " (%)")
        shown = pd.concat([first, adapted])
        found[f"{by}_by_round"] = plots.by_round(shown, by, told, baselines)
    if adapted[[*comparison.LABELS]].notna().any(axis=None):
        found["labels_by_round"] = plots.labels_by_round(adapted)
    return found


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
