"""Pictures of a round, and what the page shows of each of its images."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from pipeline.domain import artifacts, pictures, tables
from pipeline.domain.pixels import Pixels
from pipeline.domain.samples import Domain
from pipeline.domain.taxonomy import IGNORE, Taxonomy
from pipeline.inference import labelling
from pipeline.inference.predictions import Prediction, Predictions
from pipeline.inference.pseudo import PseudoLabelled
from pipeline.look import maps, mosaics, views
from pipeline.runtime import process, progress, work
from pipeline.runtime.files import read_json
from pipeline.runtime.params import load, root
from pipeline.sections.gallery import Params


def run(
    params: Params,
    target: Domain,
    predictions: Predictions,
    labels: PseudoLabelled,
    truth: Domain,
    taxonomy: Taxonomy,
) -> list[tuple[str, list[Pixels]]]:
    """For each chosen image its name and uint8 (height, width, 3) panels.

    These are mosaics.PANELS, the last where any image has a truth; one that has none is grey there.
    """
    truths = {sample.image: index for index, sample in enumerate(truth.samples)}
    count = min(params.images, len(target))
    rows = []
    for index in np.linspace(0, len(target) - 1, count).round().astype(int).tolist():
        found = predictions[index]
        predicted, _, _ = labelling.measure(*_size(found), window=found.window)
        known = truths.get(target.samples[index].image)
        missing = np.full(predicted.shape, IGNORE, np.uint8)
        shown = [predicted, labels.label(index), missing if known is None else truth.label(known)]
        panels = [target.image(index), *(pictures.colourise(m, taxonomy.colours) for m in shown)]
        if known is None:
            panels[-1] = np.full_like(panels[0], 200)
        rows.append((target.samples[index].name, panels if truths else panels[:-1]))
    return rows


def ends(
    split: pd.DataFrame, target: Domain, predictions: Predictions, taxonomy: Taxonomy, count: int
) -> Image.Image:
    """The easiest images above the hardest, their predictions laid over them; none is excluded."""
    place = {sample.image: index for index, sample in enumerate(target.samples)}
    left = split[split["subset"] != "excluded"].sort_values("rank")
    order = [place[image] for image in left["image"]]
    count = min(count, len(order))
    rows = []
    for chosen in (order[:count], order[-count:][::-1]):
        overlays = []
        for index in chosen:
            found = predictions[index]
            predicted, _, _ = labelling.measure(*_size(found), window=found.window)
            colours = pictures.colourise(predicted, taxonomy.colours)
            overlays.append((0.5 * target.image(index) + 0.5 * colours).astype(np.uint8))
        rows.append(overlays)
    title = "The easiest images and the hardest, under what is predicted"
    return mosaics.mosaic(rows, [""] * count, ["easiest", "hardest"], taxonomy, title)


def growth(
    thresholds: pd.DataFrame,
    target: Domain,
    predictions: Predictions,
    grown: Sequence[PseudoLabelled],
    taxonomy: Taxonomy,
    count: int,
) -> Image.Image:
    """Images with CBST's sparse labels at the round's lambda, and what came of them in `grown`."""
    k = np.where(thresholds["kept"] > 0, thresholds["k"], labelling.NOTHING).astype(np.float32)
    rows = []
    for index in np.linspace(0, len(target) - 1, count).round().astype(int).tolist():
        found = predictions[index]
        sparse = labelling.weighted_argmax(*_size(found), k, window=found.window).labels
        labels = [labelling.only(sparse, target.region(index)), *(of.label(index) for of in grown)]
        coloured = (pictures.colourise(label, taxonomy.colours) for label in labels)
        rows.append([target.image(index), *coloured])
    columns = ("image", "sparse pseudo-label", "voted", "dense")
    return mosaics.mosaic(rows, columns, [""] * count, taxonomy)


def _size(found: Prediction) -> tuple[labelling.Floats, int, int]:
    return found.logits.astype(np.float32), found.height, found.width


def write(folder: Path, rows: Sequence[tuple[str, list[Pixels]]], taxonomy: Taxonomy) -> None:
    """One strip of panels an image, and mosaic.png of all."""
    for name, panels in progress.track(rows, "gallery", len(rows)):
        strip = Image.fromarray(np.concatenate(panels, axis=1))
        pictures.write_image(folder / "images" / f"{name}.png", strip)
    shown, empty = [panels for _, panels in rows], [""] * len(rows)
    mosaic = mosaics.mosaic(shown, mosaics.PANELS[: len(shown[0])], empty, taxonomy)
    pictures.write_image(folder / "mosaic.png", mosaic)


def each(
    params: Params,
    at: Namespace,
    labels: PseudoLabelled,
    predictions: Predictions,
    classes: Sequence[str],
) -> Iterator[pd.DataFrame]:
    """Writes the maps of every image; the table of the round, in parts."""
    index = read_json(at.panels / "index.json")
    images, size = index["images"], tuple(index["size"])

    def truth(image: int) -> Pixels | None:
        path = maps.file(at.panels, image)
        return maps.unpack(maps.read(path)["truth"], size) if index["truth"][image] else None

    made = (predictions, labels.label, truth, size, params.labels)
    found = views.write(at.look, at.item, *made, params.compute.cluster)
    work.sweep([at.look])
    corrected = {path.stem for path in at.corrections.glob("*.png")}
    split = artifacts.read_table(at.split, "rank", images=images)
    done = 0
    for part in tables.by_image(at.coverage, classes, "kept", images=images):
        own = slice(done, done + len(part) // len(classes))
        yield views.table(images[own], index["names"][own], found[own], part, split, corrected)
        done = own.stop


def main() -> None:
    """Open, run, write."""
    made = ("predictions", "corrections", "labels", "dense", "thresholds", "coverage", "split")
    at = process.paths("target", "panels", *made, "target_truth", "taxonomy", "look", item=True)
    params = load(Params, "gallery", f"rounds.{at.item}.gallery")
    target = artifacts.read_domain(at.target, root("target"))
    truth = artifacts.read_domain(at.target_truth, root("target"), empty=True)
    taxonomy = artifacts.read_taxonomy(at.taxonomy)
    labels = PseudoLabelled(target, at.labels, len(taxonomy))
    predictions = Predictions(at.predictions, len(taxonomy))
    predictions.check_images([sample.image for sample in target.samples])
    write(at.look, run(params, target, predictions, labels, truth, taxonomy), taxonomy)
    with tables.in_parts(at.look / "images.parquet") as add:
        for part in each(params, at, labels, predictions, taxonomy.names):
            add(part)
    split = artifacts.read_table(at.split)
    picture = ends(split, target, predictions, taxonomy, params.ends)
    pictures.write_image(at.look / "split.png", picture)
    if any(at.dense.glob("*.png")):
        maps = (labels, PseudoLabelled(target, at.dense, len(taxonomy)))
        thresholds = artifacts.read_table(at.thresholds, "k", "kept", classes=taxonomy.names)
        count = min(params.images, len(target))
        picture = growth(thresholds, target, predictions, maps, taxonomy, count)
        pictures.write_image(at.look / "growth.png", picture)


if __name__ == "__main__":
    process.stage(main)
