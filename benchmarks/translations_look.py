"""What trained translators make of three rendered frames, and what their losses did.

    python benchmarks/translations_look.py    # a minute, after benchmarks/translations.py

On rendered-camvid, seed 1. The figure goes to docs/images/translations.jpg.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from curves import TENTHS
from experiments import World, build
from rows import ROOT
from translating import TRAINED, Learning

from pipeline.domain.pixels import Pixels
from pipeline.domain.samples import Domain
from pipeline.look.plots import plt
from pipeline.runtime.params import validate
from pipeline.sections.fit_translator import Params as Fitting

FIGURE = ROOT / "docs" / "images" / "translations.jpg"
FRAMES = (5, 100, 300)


def losses(axes: Any, names: Any, curve: Mapping[str, list[float]], steps: int) -> None:
    """The generators' lines drawn through, the others' dashed."""
    at = (np.arange(TENTHS) + 0.5) * steps / TENTHS
    for name, values in curve.items():
        if name != "lr" and not name.startswith("accuracy"):
            axes.plot(at, values, "--" if name.startswith("told") else "-", label=name, lw=1)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    axes.tick_params(labelsize=6)
    lines = axes.get_legend_handles_labels()
    names.legend(*lines, fontsize=6, loc="center left", frameon=False, labelspacing=0.1)


def made(world: World, name: str, frames: Domain) -> tuple[list[Pixels], Mapping[str, Any], int]:
    """The frames as a translator paints them, what is told of it, and its steps."""
    given = validate(Fitting, {"segmenter": "none", **TRAINED[name]}, name)
    learning = Learning(world, given, world.source)
    told, steps = learning.told(), (given.training or {}).get("steps", 0)
    with tempfile.TemporaryDirectory() as folder:
        (of,) = replace(learning, sources=[frames]).translated(Path(folder))
        return [of.image(index) for index in range(len(of))], told, steps


def main() -> None:
    """Draw it."""
    torch.set_num_threads(1)
    world = build("rendered-camvid", 1, 1)
    (source,) = world.source
    frames = replace(source, samples=[source.samples[index] for index in FRAMES])
    before = [frames.image(index) for index in range(len(FRAMES))]
    rows = {"source, untouched": (before, {}, 0)}
    rows |= {name: made(world, name, frames) for name in TRAINED}
    wide = [*(1 for _ in FRAMES), 0.9, 0.7]
    sheet, axes = plt.subplots(
        len(rows), len(wide), figsize=(11, 1.72 * len(rows)), gridspec_kw={"width_ratios": wide}
    )
    for row, (name, (images, told, steps)) in zip(axes, rows.items(), strict=True):
        for place, image in zip(row, images, strict=False):
            place.imshow(image)
            place.axis("off")
        row[0].set_title(name, loc="left", fontsize=8, pad=3)
        row[-1].axis("off")
        if told:
            losses(*row[-2:], told["curve"], steps)
        else:
            row[-2].axis("off")
    sheet.tight_layout(pad=0.3)
    sheet.savefig(FIGURE, dpi=80, pil_kwargs={"quality": 90})


if __name__ == "__main__":
    main()
