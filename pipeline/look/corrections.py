"""What corrections changed, by round and class: reports/corrections.csv."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from pipeline.domain import artifacts
from pipeline.domain.taxonomy import Taxonomy

_READ = ("image", "made", "corrected", "pixels")


def read(rounds: Path, names: Iterable[str], taxonomy: Taxonomy) -> pd.DataFrame:
    """Of each round that has any, by its name, a row for each class that they have."""
    each = [by_class(pd.DataFrame(columns=_READ), taxonomy).assign(round="")]
    for name in names:
        table = artifacts.read_table(rounds / name / "corrected.csv", *_READ).fillna("")
        each.append(by_class(table, taxonomy).assign(round=name))
    found = pd.concat(each, ignore_index=True)
    return found[["round", *(column for column in found if column != "round")]]


def by_class(table: pd.DataFrame, taxonomy: Taxonomy) -> pd.DataFrame:
    """Of one round's `table` a row for each class that it has.

    images: in how many the correction has the class. pixels: that it has there; of these kept are
    those that were made so, filled had no label, relabelled another class. lost: made as the
    class, and corrected to another; dropped: corrected to no label.
    """
    names = [name for name in taxonomy.names if name in {*table["made"], *table["corrected"]}]
    return pd.DataFrame(
        [_row(table, name) for name in names],
        columns=["class", "images", "pixels", *("kept", "filled", "relabelled", "lost", "dropped")],
    )


def _row(table: pd.DataFrame, name: str) -> dict[str, object]:
    was, now = table[table["made"] == name], table[table["corrected"] == name]
    total, kept = int(now["pixels"].sum()), int(now.loc[now["made"] == name, "pixels"].sum())
    filled = int(now.loc[now["made"] == "", "pixels"].sum())
    dropped = int(was.loc[was["corrected"] == "", "pixels"].sum())
    return {
        "class": name,
        "images": int(now["image"].nunique()),
        "pixels": total,
        "kept": kept,
        "filled": filled,
        "relabelled": total - kept - filled,
        "lost": int(was["pixels"].sum()) - kept - dropped,
        "dropped": dropped,
    }
