"""gallery: rows of panels, easy and hard images, growth of labels."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.domain import pictures
from pipeline.domain.taxonomy import IGNORE
from pipeline.inference import labelling
from pipeline.inference.pseudo import PseudoLabelled
from pipeline.stages import gallery
from tests.rounds import HEIGHT, THREE, WIDTH, predictions_of, write_labels
from tests.scenes import save


@pytest.mark.parametrize(("images", "chosen"), [(1, [0]), (3, [0, 2, 4]), (9, [0, 1, 2, 3, 4])])
def test_a_gallery_row_is_image_prediction_label_and_truth(images, chosen, pseudo, tmp_path):
    given, labels = pseudo
    target = given.labels.domain
    found = predictions_of(target, tmp_path / "p")
    rows = gallery.run(
        gallery.Params(images=images), target, found, given.labels, given.truth, THREE
    )
    assert [name for name, _ in rows] == [target.samples[i].name for i in chosen]
    truths = {4: 0, 1: 1, 2: 2}  # target image -> its place in the truth
    for index, (name, panels) in zip(chosen, rows, strict=True):
        logits = found[index].logits.astype(np.float32)
        predicted, _, _ = labelling.measure(logits, HEIGHT, WIDTH)
        maps = [predicted, labels[name]]
        expected = [pictures.colourise(m, THREE.colours) for m in maps]
        assert np.array_equal(panels[0], target.image(index))
        assert np.array_equal(panels[1], expected[0])
        assert np.array_equal(panels[2], expected[1])
        if index in truths:
            truth = given.truth.label(truths[index])
            assert np.array_equal(panels[3], pictures.colourise(truth, THREE.colours))
        else:
            assert (panels[3] == 200).all()


def test_a_gallery_is_written_as_strips_and_a_mosaic(tmp_path):
    panels = [np.full((HEIGHT, WIDTH, 3), 60 * i, np.uint8) for i in range(4)]
    gallery.write(tmp_path, [("a__0", panels), ("a__1", panels)], THREE)
    with Image.open(tmp_path / "images/a__1.png") as strip:
        assert np.array_equal(np.asarray(strip), np.concatenate(panels, axis=1))
    files = [str(p.relative_to(tmp_path)) for p in sorted(tmp_path.rglob("*.png"))]
    assert files == ["images/a__0.png", "images/a__1.png", "mosaic.png"]


@pytest.fixture
def ranked(pseudo):
    """Target images by rank: 3, 0, 4, 1; and 2, which is excluded."""
    target = pseudo[0].labels.domain
    order = [3, 0, 4, 1, 2]
    images = [target.samples[i].image for i in order]
    subset = [*["easy"] * 2, *["hard"] * 2, "excluded"]
    rows = pd.DataFrame({"image": images, "rank": range(5), "subset": subset})
    return rows.sample(frac=1, random_state=0)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_the_easiest_images_are_above_the_hardest(count, pseudo, ranked, tmp_path, monkeypatch):
    target = pseudo[0].labels.domain
    found = predictions_of(target, tmp_path / "p")
    rows = []
    monkeypatch.setattr(gallery.mosaics, "mosaic", lambda *args: rows.extend(args[0]))
    gallery.ends(ranked, target, found, THREE, count)
    for row, order in zip(rows, ([3, 0, 4, 1], [1, 4, 0, 3]), strict=True):
        assert len(row) == min(count, 4)
        for overlay, index in zip(row, order, strict=False):
            grid = found[index].logits.astype(np.float32)
            colours = pictures.colourise(labelling.measure(grid, HEIGHT, WIDTH)[0], THREE.colours)
            expected = (target.image(index).astype(int) + colours) // 2
            assert (np.abs(overlay.astype(int) - expected) <= 1).all()


@pytest.mark.parametrize("masked", [False, True])
def test_growth_shows_sparse_voted_and_dense_labels_of_an_image(
    masked, pseudo, tmp_path, monkeypatch
):
    target = pseudo[0].labels.domain
    inside = np.random.default_rng(4).integers(0, 2, (HEIGHT, WIDTH)).astype(np.uint8)
    if masked:
        save(tmp_path / "m.png", inside)
        samples = [replace(s, region="m.png", region_hash="") for s in target.samples]
        target = replace(target, samples=samples)
    found = predictions_of(target, tmp_path / "p")
    dense = {s.name: np.full((HEIGHT, WIDTH), 2, np.uint8) for s in target.samples}
    maps = (
        pseudo[0].labels,
        PseudoLabelled(target, write_labels(tmp_path / "dense", dense), 3),
    )
    table = pd.DataFrame({"k": [0.2, 0.4, 0.0], "kept": [5, 5, 0]})
    rows = []
    monkeypatch.setattr(gallery.mosaics, "mosaic", lambda *args: rows.extend(args[0]))
    gallery.growth(table, target, found, maps, THREE, 5)
    k = np.array([0.2, 0.4, labelling.NOTHING], np.float32)
    for index, row in enumerate(rows):
        grid = found[index].logits.astype(np.float32)
        sparse = labelling.weighted_argmax(grid, HEIGHT, WIDTH, k).labels
        sparse = np.where(inside, sparse, IGNORE) if masked else sparse
        labels = [sparse, pseudo[0].labels.label(index), dense[target.samples[index].name]]
        expected = [target.image(index)]
        expected += [pictures.colourise(label, THREE.colours) for label in labels]
        assert all(np.array_equal(a, b) for a, b in zip(row, expected, strict=True))
