"""Models side by side, in a table that is narrow enough for a terminal and for DVC's."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline.look.choice import CONTROLS, choose
from pipeline.runtime.files import write_json

LABELS = ("coverage", "precision")


def table(models: pd.DataFrame) -> pd.DataFrame:
    """A row a model: what it is compared by, how far it is over each control, and its labels'.

    In the order of `models`, which are its index; rounded, and without a column that is empty.
    """
    found = models.set_index("model")
    choice, made = choose(models), pd.DataFrame(index=found.index)
    if choice is not None:
        values = found[choice.measure.column].astype(float)
        made[choice.measure.heading] = values
        for control in CONTROLS:
            if control in values:
                made[f"over {control}"] = (values - values[control]).where(found.index != control)
    for name in LABELS:
        if name in found:
            made[name] = found[name].astype(float)
    return made.round(digits(models)).dropna(axis="columns", how="all")


def rows(models: pd.DataFrame) -> list[dict[str, str | float]]:
    """The table by row, as JSON has it: what a model lacks is no key of its row."""
    narrow = table(models)
    return [{"model": str(name), **row.dropna()} for name, row in narrow.iterrows()]


def digits(models: pd.DataFrame) -> int:
    """Of the numbers in the table: one more than is said of the best."""
    choice = choose(models)
    return 1 + (choice.measure.digits if choice else 1)


def write_scores(folder: Path, models: pd.DataFrame) -> None:
    """What DVC tracks as metrics, in files that it prints as a narrow table.

    It gives each file a row and each key a column, and in `dvc exp show` each key of each file a
    column. So a model's file is a number without a key, in the folder of the measure's name, and
    `last.json` has the keys: of the last round, or where there is none of the last model. A lead
    over source-long is `over_long`, over target-norm `over_norm`: whole names would be too wide.
    """
    choice, narrow, keys = choose(models), table(models), {}
    if choice is not None:
        by, heading = choice.measure.column, choice.measure.heading
        keys[heading] = by
        for name, value in narrow[heading].dropna().items():
            write_json(folder / by / f"{name}.json", float(value))
    last = narrow.iloc[-1].dropna()
    keys |= {f"over {control}": f"over_{control.split('-')[1]}" for control in CONTROLS}
    named = {keys.get(str(key), str(key)): value for key, value in last.items()}
    write_json(folder / "last.json", named)
