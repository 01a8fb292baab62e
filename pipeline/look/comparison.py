"""Models side by side, in a table that is narrow enough for a terminal and for DVC's."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline.runtime.files import write_json

CONTROLS = ("source-long", "target-norm")
"""What a round is to be better than: as long a training, and that with the target's batch norm."""

MEASURES = {"miou": "mIoU", "few": "mIoU on few labels", "information": "information"}
"""What tells models apart, by column, the best first; higher is better. The last needs no label."""

LABELS = ("coverage", "precision")

DIGITS = {"information": 4}
"""Of a measure that lies between 0 and 1; the others are percentages, and have two."""


def measure(models: pd.DataFrame) -> str | None:
    """The column that models are compared by; None where nothing was measured.

    `models`: a row each, as rounds.csv has them.
    """
    return next((m for m in MEASURES if m in models and models[m].notna().any()), None)


def table(models: pd.DataFrame) -> pd.DataFrame:
    """A row a model: what it is compared by, how far it is over each control, and its labels'.

    In the order of `models`, which are its index; rounded, and without a column that is empty.
    """
    found = models.set_index("model")
    by, made = measure(models), pd.DataFrame(index=found.index)
    if by is not None:
        values = found[by].astype(float)
        made[MEASURES[by]] = values
        for control in CONTROLS:
            if control in values:
                made[f"over {control}"] = (values - values[control]).where(found.index != control)
    for name in LABELS:
        made[name] = found[name].astype(float)
    return made.round(DIGITS.get(by or "", 2)).dropna(axis="columns", how="all")


def best(models: pd.DataFrame) -> str | None:
    """The model of the highest value; None where nothing was measured."""
    by = measure(models)
    if by is None:
        return None
    return str(models.set_index("model")[by].astype(float).idxmax())


def write_scores(folder: Path, models: pd.DataFrame) -> None:
    """What DVC tracks as metrics, in files that it prints as a narrow table.

    It gives each file a row and each key a column, and in `dvc exp show` each key of each file a
    column. So a model's file is a number without a key, in the folder of the measure's name, and
    `last.json` has the keys: of the last round, or where there is none of the last model.
    """
    by, narrow = measure(models), table(models)
    if by is not None:
        for name, value in narrow[MEASURES[by]].dropna().items():
            write_json(folder / by / f"{name}.json", float(value))
    last = narrow.iloc[-1].dropna()
    keys = {MEASURES[by]: by} if by else {}
    named = {keys.get(str(key), str(key)).replace(" ", "_"): v for key, v in last.items()}
    write_json(folder / "last.json", named)
