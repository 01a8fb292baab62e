"""The table of warm-ups: each beside its controls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from experiments import BASELINE
from rows import Row
from tables import interval
from warmup_methods import (
    AUX_CONTROL,
    AUX_NO_TERMS,
    CONTROL,
    LONGER,
    NO_TERMS,
    OBJECTIVES,
    OTHER_WEIGHTS,
    TWO_LEVELS,
)


def table(rows: list[Row]) -> str:
    """Markdown: all warm-ups, then two levels and other weights, each beside its control."""
    found = pd.DataFrame(rows)
    found["entropy"] = [each["entropy"] for each in found["signals"]]
    cells = found.set_index(["method", "model", "seed"]).sort_index()
    seeds = sorted(found["seed"].unique())

    def of(name: str, kind: str, what: str = "miou") -> np.ndarray[Any, Any]:
        return cells.loc[(name, kind)].loc[seeds, what].to_numpy(float)

    counted = found.groupby("method")["seed"].nunique()
    there = {name for name, count in counted.items() if count == len(seeds)}

    def line(name: str, *controls: str) -> str:
        alone = of(name, "alone")
        less = " | ".join(
            interval(alone - of(control, "alone")) if control in there - {name} else ""
            for control in controls
        )
        return (
            f"| {name} | {alone.mean():.2f} | {interval(alone - long)} | {less} | "
            f"{interval(of(name, 'alone', 'entropy'), '.3f')} | {accuracy(rows, name)} | "
            f"{interval(100 * of(name, 'alone', 'told'), '.1f')} |"
        )

    long, longer = of(BASELINE, BASELINE), of(LONGER, LONGER)
    head = (
        f"alone | minus source-long | minus {CONTROL} | minus {NO_TERMS} | target's entropy "
        "| discriminator right, by thirds | a new discriminator right"
    )
    lines = [
        f"streets, seeds {', '.join(map(str, seeds))}", "",
        f"| warm-up | {head} | after rounds | minus source-longer |",
        "|---|---|---|---|---|---|---|---|---|---|",
        f"| {BASELINE} | {long.mean():.2f} | | | | "
        f"{of(BASELINE, BASELINE, 'entropy').mean():.3f} | | | ({LONGER}) {longer.mean():.2f} | |",
    ]  # fmt: skip
    for name in [m for m in (CONTROL, *OBJECTIVES) if m in there]:
        rounds = of(name, "rounds")
        after = f" {rounds.mean():.2f} | {interval(rounds - longer)} |"
        lines.append(line(name, CONTROL, NO_TERMS) + after)
    lines += [
        "",
        f"| | {head} |",
        "|---|---|---|---|---|---|---|---|",
    ]
    aux = (AUX_CONTROL, *TWO_LEVELS)  # beside the controls with that head
    lines += [line(m, AUX_CONTROL, AUX_NO_TERMS) for m in aux if m in there]
    lines += [line(m, CONTROL, NO_TERMS) for m in OTHER_WEIGHTS if m in there]
    return "\n".join(lines)


def accuracy(rows: list[Row], name: str) -> str:
    """In percent, means over seeds of the first, middle and last tenths."""
    curves: list[Mapping[str, list[float]]] = [
        row["curve"] for row in rows if row["method"] == name and "curve" in row
    ]
    told = [curve["accuracy"] for curve in curves if "accuracy" in curve]
    if not told:
        return ""
    mean = 100 * np.mean(told, 0)
    return ", ".join(f"{mean[part].mean():.0f}" for part in (slice(3), slice(3, 7), slice(7, None)))
