"""Figures of the report: curves over rounds, heat maps of classes."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence

os.environ["MPLBACKEND"] = "Agg"  # a notebook's, which it passes on, need not be installed here
import matplotlib

matplotlib.rcdefaults()  # figures are the same whatever their maker's matplotlibrc says
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from pipeline.domain.pixels import Pixels

Floats = npt.NDArray[np.float32]

matplotlib.rcParams["text.parse_math"] = False  # a name may hold a $

_BRIGHT = 60  # from here on the heat map is too light for white figures


def by_round(
    rounds: pd.DataFrame, column: str, what: str, baselines: Mapping[str, float]
) -> Image.Image:
    """`column` of the models in `rounds` (and model), and baselines as broken lines.

    `what` it is, and in brackets its unit; the title has no bracket.
    """
    figure, axes = plt.subplots(figsize=(6.4, 4), dpi=120)
    axes.plot(rounds["model"], rounds[column].astype(float), marker="o", label="by round")
    for number, (name, value) in enumerate(baselines.items()):
        style = ("--", ":", "-.")[number % 3]
        axes.axhline(value, linestyle=style, color=f"C{1 + number % 9}", label=name)
    axes.set(ylabel=what, title=f"{what.partition(' (')[0]} by round")
    axes.tick_params(axis="x", rotation=30)
    if baselines:  # beside the curve, which it would hide
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return _picture(figure)


def labels_by_round(rounds: pd.DataFrame) -> Image.Image:
    """Coverage and, with a truth, precision of the pseudo-labels, by the column `model`."""
    shown = {
        "coverage": "Pixels that are labelled (%)",
        "precision": "Labelled pixels that are right (%)",
    }
    known = [column for column in shown if column in rounds and rounds[column].notna().any()]
    figure, grid = plt.subplots(
        1, len(known), figsize=(4.2 * len(known), 4), dpi=120, squeeze=False
    )
    for axes, column in zip(grid.flat, known, strict=True):
        axes.plot(rounds["model"], rounds[column].astype(float), marker="o")
        axes.set(ylabel=shown[column], title=f"{column.capitalize()} of the pseudo-labels")
        axes.set_ylim(0, 102)
        axes.tick_params(axis="x", rotation=30)
    return _picture(figure)


def heat(table: pd.DataFrame, title: str) -> Image.Image:
    """Percentages as a heat map: one row a class (the index), one column a model."""
    values = table.to_numpy(float)
    size = (2.2 + 0.75 * values.shape[1], 1.2 + 0.27 * values.shape[0])
    figure, axes = plt.subplots(figsize=size, dpi=120)
    axes.imshow(values, cmap="viridis", vmin=0, vmax=100, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        text = "–" if np.isnan(value) else f"{value:.0f}"
        ink = "w" if value < _BRIGHT else "k"  # what is none is on white
        axes.text(j, i, text, ha="center", va="center", color=ink, fontsize=8)
    axes.set_xticks(range(values.shape[1]), table.columns, rotation=30, ha="right")
    axes.set_yticks(range(values.shape[0]), table.index)
    axes.set_title(title)
    return _picture(figure)


def maps(values: Pixels | Floats, names: Sequence[str], columns: int = 5) -> Image.Image:
    """Maps (n, h, w) from 0 to 1 as heat maps with their names; each class's own scale."""
    rows = -(-len(names) // columns)
    height = 0.45 + 2.4 * values.shape[1] / values.shape[2]
    figure, grid = plt.subplots(rows, columns, figsize=(2.4 * columns, height * rows), dpi=100)
    for axes, name, value in zip(grid.flat, names, values, strict=False):
        axes.imshow(value, cmap="viridis", vmin=0)
        axes.set_title(f"{name}, at most {value.max():.2g}", fontsize=8)
    for axes in grid.flat:
        axes.set_axis_off()
    figure.suptitle("How often each class is where: from dark, never, to yellow, most often")
    return _picture(figure)


def _picture(figure: Figure) -> Image.Image:
    sink = io.BytesIO()
    figure.tight_layout()
    figure.savefig(sink, format="png", metadata={"Software": None})
    plt.close(figure)
    return Image.open(sink).convert("RGB")
