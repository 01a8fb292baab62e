"""What came of translations: how close they are, and what models that learn from them gain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from rows import Row
from shift_table import comparable, heading
from tables import interval

NONE = "none"
MODELS = ("source-long", "target-norm", "CBST")


def report(rows: list[Row]) -> str:
    """All tables, of the data that have rows."""
    found, rows = [], comparable(rows)
    for data in dict.fromkeys(row["data"] for row in rows):
        own = [row for row in rows if row["data"] == data]
        found += [data, gains(own), judgements(own)]
    return "\n\n".join(found)


def gains(rows: list[Row]) -> str:
    """Markdown: mIoU of each model, and its gain over no translation, by seeds of both."""
    frame = pd.DataFrame(rows).groupby(["method", "model", "seed"], sort=False)["miou"].last()
    every = pd.MultiIndex.from_product([list(dict.fromkeys(r["method"] for r in rows)), MODELS])
    miou = frame.unstack().astype(float).reindex(every)
    lines = [f"seeds {', '.join(map(str, miou.columns))}", ""]
    lines += heading("trained on", *(word for of in MODELS for word in (of, "over none")))
    for method in dict.fromkeys(row["method"] for row in rows):
        cells = [method]
        for of in MODELS:
            own, none = miou.loc[method, of], miou.loc[NONE, of]
            gain = (own - none).dropna().to_numpy()
            has = own.notna().any()
            cells += [f"{own.mean():.2f}" if has else "", "" if method == NONE else told(gain)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def told(gain: np.ndarray[Any, Any]) -> str:
    """With the interval where there are several seeds; nothing of none."""
    if not len(gain):
        return ""
    return interval(gain) if len(gain) > 1 else f"{gain.mean():+.2f}"


def judgements(rows: list[Row]) -> str:
    """Markdown: closeness and structure, means over seeds, as evaluate_translation has them."""
    lines = heading("translation", "KID, first", "KID, last", "colours", "mIoU of `model`",
                    "of `adapted`")  # fmt: skip
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
    numbers = [f"{value:.1f}" for value in (first, last, colours, *scored)]
    return f"| {name} | {' | '.join(numbers)} |"
