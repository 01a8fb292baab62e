"""Pictures of a round: image, prediction, pseudo-label and truth side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from pydantic import Field

from pipeline import artifacts, fused, plots, process, progress
from pipeline.params import Section, load, root
from pipeline.predictions import Predictions
from pipeline.pseudo import PseudoLabelled
from pipeline.samples import Domain, Pixels
from pipeline.taxonomy import IGNORE, Taxonomy


class Params(Section):
    """`rounds.<round>.gallery` over `gallery`."""

    images: int = Field(6, ge=1)  # spread evenly over the target


def run(
    params: Params,
    target: Domain,
    predictions: Predictions,
    labels: PseudoLabelled,
    truth: Domain,
    taxonomy: Taxonomy,
) -> list[tuple[str, list[Pixels]]]:
    """For each chosen image its name and four uint8 (height, width, 3) panels; no truth is grey."""
    truths = {sample.image: index for index, sample in enumerate(truth.samples)}
    count = min(params.images, len(target))
    rows = []
    for index in np.linspace(0, len(target) - 1, count).round().astype(int).tolist():
        found = predictions[index]
        grid = found.logits.astype(np.float32)
        predicted, _, _ = fused.measure(grid, found.height, found.width)
        known = truths.get(target.samples[index].image)
        missing = np.full(predicted.shape, IGNORE, np.uint8)
        maps = [predicted, labels.label(index), missing if known is None else truth.label(known)]
        panels = [target.image(index), *(artifacts.colourise(m, taxonomy.colours) for m in maps)]
        if known is None:
            panels[-1] = np.full_like(panels[0], 200)
        rows.append((target.samples[index].name, panels))
    return rows


def write(folder: Path, rows: Sequence[tuple[str, list[Pixels]]]) -> None:
    """One strip of panels an image, and mosaic.png of all."""
    for name, panels in progress.track(rows, "gallery", len(rows)):
        strip = Image.fromarray(np.concatenate(panels, axis=1))
        artifacts.write_image(folder / "images" / f"{name}.png", strip)
    mosaic = plots.mosaic([panels for _, panels in rows], plots.PANELS, [""] * len(rows))
    artifacts.write_image(folder / "mosaic.png", mosaic)


def main() -> None:
    """Open, run, write."""
    names = ("target", "predictions", "labels", "target_truth", "taxonomy", "look")
    at = process.paths(*names, item=True)
    params = load(Params, "gallery", f"rounds.{at.item}.gallery")
    target = artifacts.read_domain(at.target, root("target"))
    truth = artifacts.read_domain(at.target_truth, root("target"))
    taxonomy = artifacts.read_taxonomy(at.taxonomy)
    labels = PseudoLabelled(target, at.labels, len(taxonomy))
    predictions = Predictions(at.predictions)
    write(at.look, run(params, target, predictions, labels, truth, taxonomy))


if __name__ == "__main__":
    process.stage(main)
