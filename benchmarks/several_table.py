"""What came of several sources: a table of each data set, beside the best source alone."""

from __future__ import annotations

import pandas as pd
from experiments import BASELINE, ORACLE
from rows import Row
from shift_table import NORM, apart, costs, gap, heading, last_models, over, rare

COMBINED = "source-combined"
ALONE = " alone"
"""What the name of a method of one source ends with, before what is done to it."""


def report(rows: list[Row]) -> str:
    """All tables, of the data and devices that have rows."""
    found = []
    for of in dict.fromkeys((row["data"], row["device"]) for row in rows):
        own = [row for row in rows if (row["data"], row["device"]) == of]
        found += [", ".join(of), table(own), apart(own)]
    return "\n\n".join([*found, costs(rows)])


def table(rows: list[Row]) -> str:
    """Markdown: mIoU over the best source alone, both combined, and both with target-norm."""
    miou = last_models(rows)
    single = best(miou)
    others = (single, BASELINE, NORM)
    lines = [f"seeds {', '.join(map(str, miou.columns))}", ""]
    lines += heading("method", "mIoU", *(f"over {of}" for of in others), "of the gap", "rare")
    for method in ordered(miou):
        cells = [f"{miou.loc[method].mean():.2f}", *(over(miou, method, of) for of in others)]
        cells += [gap(miou, method), rare(rows, method)]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def best(miou: pd.DataFrame) -> str:
    """The source that is best alone, with the target's batch norm, over the seeds; "" of none."""
    names = [name for name in miou.index if name.endswith(f"{ALONE}, {NORM}")]
    return str(miou.loc[names].mean(axis=1).idxmax()) if names else ""


def ordered(miou: pd.DataFrame) -> list[str]:
    """Sources alone first, then both, then methods, and the oracle last."""
    single = [name for name in miou.index if ALONE in name]
    known = [*single, COMBINED, BASELINE, NORM]
    methods = [name for name in miou.index if name not in (*known, ORACLE)]
    return [name for name in (*known, *methods, ORACLE) if name in miou.index]
