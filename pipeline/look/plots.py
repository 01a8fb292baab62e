"""Figures of the report: curves over rounds, and mosaics of panels."""

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
from PIL import Image, ImageDraw, ImageFont

from pipeline.domain.pixels import Pixels

Floats = npt.NDArray[np.float32]

matplotlib.rcParams["text.parse_math"] = False  # a name may hold a $

_BRIGHT = 60  # from here on the heat map is too light for white figures
PANELS = ("image", "prediction", "pseudo-label", "truth")


def mosaic(
    rows: Sequence[Sequence[Pixels]],
    columns: Sequence[str],
    names: Sequence[str],
    width: int = 320,
) -> Image.Image:
    """Panels uint8 (h, w, 3) in rows under column titles, each `width` wide; a name on each row."""
    scale = width / rows[0][0].shape[1]
    height = round(rows[0][0].shape[0] * scale)
    gap, head = 4, 22 if any(columns) else 0
    sheet = Image.new(
        "RGB",
        (len(columns) * (width + gap) - gap, head + len(rows) * (height + gap) - gap),
        "white",
    )
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(14)
    for j, title in enumerate(columns):
        pen.text((j * (width + gap) + 2, 2), title, "black", font)
    for i, (panels, name) in enumerate(zip(rows, names, strict=True)):
        top = head + i * (height + gap)
        for j, panel in enumerate(panels):
            smooth = Image.Resampling.BILINEAR if j == 0 else Image.Resampling.NEAREST
            picture = Image.fromarray(panel).resize((width, height), smooth)
            sheet.paste(picture, (j * (width + gap), top))
        pen.text((5, top + 3), name, "white", font, stroke_width=2, stroke_fill="black")
    return sheet


def by_round(
    rounds: pd.DataFrame, column: str, titles: tuple[str, str], baselines: Mapping[str, float]
) -> Image.Image:
    """A number of the models in `rounds` (columns model, `column`), baselines as dashed lines.

    `titles`: of the figure, and of its axis.
    """
    figure, axes = plt.subplots(figsize=(6.4, 4), dpi=120)
    axes.plot(rounds["model"], rounds[column].astype(float), marker="o", label="adapted")
    for (name, value), style in zip(baselines.items(), ("--", ":", "-.", "-") * 9, strict=False):
        axes.axhline(value, linestyle=style, color="grey", label=name)
    axes.set(title=titles[0], ylabel=titles[1])
    axes.legend()
    return _picture(figure)


def labels_by_round(rounds: pd.DataFrame) -> Image.Image:
    """Coverage and, with a truth, precision of the pseudo-labels, by the column `model`."""
    figure, axes = plt.subplots(figsize=(6.4, 4), dpi=120)
    shown = {"coverage": "% of target pixels", "precision": "of labelled ones"}
    there = [column for column in shown if column in rounds]
    for column in there:
        axes.plot(rounds["model"], rounds[column].astype(float), marker="o", label=column)
    axes.set(ylabel=" / ".join(shown[c] for c in there), title="Pseudo-labels by round")
    axes.set_ylim(0, 102)
    if there:
        axes.legend()
    return _picture(figure)


def heat(table: pd.DataFrame, title: str) -> Image.Image:
    """Percentages as a heat map: one row a class (the index), one column a model."""
    values = table.to_numpy(float)
    size = (2.2 + 0.75 * values.shape[1], 1.2 + 0.27 * values.shape[0])
    figure, axes = plt.subplots(figsize=size, dpi=120)
    axes.imshow(values, cmap="viridis", vmin=0, vmax=100, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        text = "–" if np.isnan(value) else f"{value:.0f}"
        ink = "k" if value >= _BRIGHT else "w"
        axes.text(j, i, text, ha="center", va="center", color=ink, fontsize=8)
    axes.set_xticks(range(values.shape[1]), table.columns, rotation=30, ha="right")
    axes.set_yticks(range(values.shape[0]), table.index)
    axes.set_title(title)
    return _picture(figure)


def maps(values: Pixels | Floats, names: Sequence[str], columns: int = 5) -> Image.Image:
    """Maps (n, h, w) from 0 to 1 as heat maps with their names; each class's own scale."""
    rows = -(-len(names) // columns)
    height = 0.35 + 2.4 * values.shape[1] / values.shape[2]
    figure, grid = plt.subplots(rows, columns, figsize=(2.4 * columns, height * rows), dpi=100)
    for axes, name, value in zip(grid.flat, names, values, strict=False):
        axes.imshow(value, cmap="viridis", vmin=0)
        axes.set_title(f"{name}, at most {value.max():.2g}", fontsize=8)
    for axes in grid.flat:
        axes.set_axis_off()
    return _picture(figure)


def _picture(figure: Figure) -> Image.Image:
    sink = io.BytesIO()
    figure.tight_layout()
    figure.savefig(sink, format="png", metadata={"Software": None})
    plt.close(figure)
    return Image.open(sink).convert("RGB")
