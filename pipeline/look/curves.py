"""Training curves, as many points of them as a chart shows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.domain import artifacts

POINTS = 120
"""Of a curve at most; more of them are means of neighbours."""

Columns = dict[str, list[float | None]]


def read(folder: Path, models: Iterable[str]) -> dict[str, Columns]:
    """`<folder>/<model>/training.csv` by model: step and each term of the loss, without the rate.

    A model that was not trained has none: a mean of two, one of no steps.
    """
    found = {name: folder / name / "training.csv" for name in models}
    trained = {n: path for n, path in found.items() if path.exists() and path.stat().st_size}
    return {name: _columns(path) for name, path in trained.items()}


def _columns(path: Path) -> Columns:
    """Means of neighbouring rows, as the rows are means of steps; a point's step is its last."""
    table = artifacts.read_table(path, "step").drop(columns="lr", errors="ignore").astype(float)
    runs = np.array_split(np.arange(len(table)), min(POINTS, len(table)) or 1)
    terms = table.drop(columns="step")
    return {
        "step": [int(table["step"].iloc[run[-1]]) for run in runs if len(run)],
        **{str(name): [_mean(terms[name].iloc[run]) for run in runs if len(run)] for name in terms},
    }


def _mean(values: pd.Series[float]) -> float | None:
    """To four digits; None where one is not finite."""
    mean = float(values.to_numpy(float).mean())
    return float(f"{mean:.4g}") if np.isfinite(mean) else None
