"""What came of translations: how close they are, and what models that learn from them gain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from experiments import BASELINE
from rows import Row
from shift_table import NORM, comparable, heading
from tables import interval
from translating import NONE

MODELS = (BASELINE, NORM, "CBST", "DACS", "DACS, masked", "DACS, early", "both")


def report(rows: list[Row]) -> str:
    """All tables, of the data that have rows."""
    found, rows = [], comparable(rows)
    for data in dict.fromkeys(row["data"] for row in rows):
        own = [row for row in rows if row["data"] == data]
        found += [data, gains(own), judgements(own)]
    return "\n\n".join(found)


def gains(rows: list[Row]) -> str:
    """Markdown: mIoU of each model, and its gains over models of no translation."""
    frame = pd.DataFrame(rows).groupby(["method", "model", "seed"], sort=False)["miou"].last()
    every = pd.MultiIndex.from_product([list(dict.fromkeys(r["method"] for r in rows)), MODELS])
    miou = frame.unstack().astype(float).reindex(every)
    over = [f"over {of} of none" for of in ("the same", BASELINE, NORM)]
    lines = heading("trained on", "model", "mIoU", *over, "seeds")
    for (method, model), own in miou.dropna(how="all").iterrows():
        gained = {of: told((own - miou.loc[NONE, of]).dropna().to_numpy()) for of in MODELS}
        gained |= {model: ""} if method == NONE else {}
        cells = [
            method,
            model,
            f"{own.mean():.2f}",
            *(gained[of] for of in (model, BASELINE, NORM)),
        ]
        lines.append(f"| {' | '.join(cells)} | {own.notna().sum()} |")
    return "\n".join(lines)


def told(gain: np.ndarray[Any, Any]) -> str:
    """With the interval where there are several seeds; nothing of none."""
    if not len(gain):
        return ""
    return interval(gain) if len(gain) > 1 else f"{gain.mean():+.2f}"


def judgements(rows: list[Row]) -> str:
    """Markdown: closeness and structure, means over seeds, as evaluate_translation has them."""
    lines = heading("translation", "KID, first", "KID, last", "last, of a backbone", "colours",
                    "mIoU of `model`", "of `adapted`")  # fmt: skip
    told_of: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if isinstance(row.get("translation"), Mapping):
            told_of.setdefault(row["method"], []).append(row["translation"])
    every = [each for found in told_of.values() for each in found]
    if every:
        lines.append(line(NONE, every, "source", "before"))
    lines += [line(name, found, "translated", "after") for name, found in told_of.items()]
    return "\n".join(lines)


def line(name: str, found: list[Mapping[str, Any]], images: str, when: str) -> str:
    """A row of means."""
    first, last = (np.mean([f["kid"][level][images] for f in found]) for level in ("first", "last"))
    colours = np.mean([f["colours"][images] for f in found])
    scored = [np.mean([f["miou"][role][when] for f in found]) for role in ("model", "adapted")]
    of_backbone = [f["backbone"]["last"][images] for f in found if "backbone" in f]
    numbers = [f"{value:.1f}" for value in (first, last, colours, *scored)]
    numbers.insert(2, f"{np.mean(of_backbone):.2f}" if of_backbone else "")
    return f"| {name} | {' | '.join(numbers)} |"
