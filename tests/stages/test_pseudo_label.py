"""pseudo_label: thresholds over all images, labels, tables and corrections."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional as F

from pipeline.domain.taxonomy import IGNORE
from pipeline.inference import labelling
from pipeline.runtime import parts
from pipeline.runtime.files import BadInput
from pipeline.stages import pseudo_label
from tests.rounds import HEIGHT, PRIOR, THREE, WIDTH, predictions_of


def pseudo_labelled(target, folder, corrections=(), region=pseudo_label.everywhere, **changes):
    given = pseudo_label.Params(**({"labeler": "cbst", "portion": 0.4} | changes))
    written = {}
    found = predictions_of(target, folder)
    write = lambda name, made: written.update({name: made.labels})  # noqa: E731
    made = pseudo_label.run(given, found, dict(corrections), THREE, PRIOR, write, region)
    return found, made, written


@pytest.mark.parametrize("labeler", ["st", "cbst"])
def test_labels_are_the_labelers_over_all_images(labeler, target, tmp_path):
    found, made, written = pseudo_labelled(target, tmp_path / "p", labeler=labeler)
    assert set(written) == {sample.name for sample in target.samples}
    k = made.thresholds["k"].to_numpy(np.float32)
    of = parts.build("labelers", labeler, {}, classes=3, portion=0.4)
    for prediction, sample in zip(found, target.samples, strict=True):
        expected = of.label(prediction.logits.astype(np.float32), HEIGHT, WIDTH, k).labels
        assert np.array_equal(written[sample.name], expected)


def test_tables_of_labels_equal_loops(target, tmp_path):
    found, made, written = pseudo_labelled(target, tmp_path / "p")
    rows = {(row.image, row[2]): row for row in made.coverage.itertuples()}
    assert len(rows) == len(made.coverage) == 4 * 3
    for prediction, sample in zip(found, target.samples, strict=True):
        grid = prediction.logits.astype(np.float32)
        predicted, k, entropy = labelling.measure(grid, HEIGHT, WIDTH)
        for c, name in enumerate(THREE.names):
            row = rows[sample.image, name]
            own = predicted == c
            assert row.predicted == own.sum()
            assert row.kept == (written[sample.name] == c).sum()
            sure = np.exp(-k[own]).mean() if own.any() else np.nan
            unsure = entropy[own].mean() / np.log(3) if own.any() else np.nan
            assert row.mean_confidence == pytest.approx(sure, nan_ok=True, rel=1e-5)
            assert row.mean_entropy == pytest.approx(unsure, nan_ok=True, rel=1e-5)
    thresholds = made.thresholds
    assert list(thresholds) == ["class", "lambda", "k", "predicted", "kept"]
    assert tuple(thresholds["class"]) == THREE.names
    assert thresholds["lambda"].tolist() == pytest.approx(np.exp(-thresholds["k"]).tolist())
    for c in range(3):
        assert thresholds["kept"][c] == sum((label == c).sum() for label in written.values())
    assert thresholds["predicted"].sum() == 4 * HEIGHT * WIDTH
    assert thresholds.loc[2, ["lambda", "k", "predicted", "kept"]].tolist() == [1, 0, 0, 0]


def test_a_corrected_label_replaces_the_made_one_alone(target, tmp_path):
    _, plain, before = pseudo_labelled(target, tmp_path / "a")
    name = target.samples[1].name
    corrected = np.full((HEIGHT, WIDTH), 2, np.uint8)
    corrected[0] = IGNORE
    _, made, after = pseudo_labelled(target, tmp_path / "b", {name: corrected})
    assert np.array_equal(after.pop(name), corrected)
    assert all(np.array_equal(label, before[key]) for key, label in after.items())
    assert made.thresholds["k"].equals(plain.thresholds["k"])
    assert made.thresholds["kept"][2] == (HEIGHT - 1) * WIDTH
    names = (*THREE.names, *[""] * 253)
    changed = made.corrected
    assert {*changed["image"]} == {target.samples[1].image}
    for one in (0, 1, 2, IGNORE):
        for other in (0, 1, 2, IGNORE):
            pair = (changed["made"] == names[one]) & (changed["corrected"] == names[other])
            pixels = (before[name] == one) & (corrected == other)
            assert changed.loc[pair, "pixels"].sum() == pixels.sum()
    assert not len(plain.corrected)


def test_a_correction_of_nothing_known_changes_nothing(target, tmp_path):
    _, _, before = pseudo_labelled(target, tmp_path / "a")
    _, _, after = pseudo_labelled(target, tmp_path / "b", {"other": np.zeros((1, 1), np.uint8)})
    assert set(after) == set(before)


FLOOR = 0.95


@pytest.mark.parametrize("labeler", ["st", "cbst"])
def test_no_threshold_is_below_the_floor(labeler, target, tmp_path):
    _, free, _ = pseudo_labelled(target, tmp_path / "a", labeler=labeler)
    found, made, written = pseudo_labelled(target, tmp_path / "b", labeler=labeler, floor=FLOOR)
    assert (free.thresholds["lambda"] < FLOOR).any()
    held = np.maximum(free.thresholds["lambda"], FLOOR)
    assert made.thresholds["lambda"].tolist() == pytest.approx(held.tolist())
    for prediction, sample in zip(found, target.samples, strict=True):
        grid = torch.from_numpy(prediction.logits.astype(np.float32))[None]
        logits = F.interpolate(grid, (HEIGHT, WIDTH), mode="bilinear")[0]
        p = logits.softmax(0).numpy() / np.where(held < 1, held, np.inf)[:, None, None]
        expected = np.where(p.max(0) >= 1, p.argmax(0), IGNORE)
        close = np.abs(p.max(0) - 1) < 1e-5
        assert np.array_equal(written[sample.name][~close], expected[~close])


@pytest.mark.parametrize("floor", [-0.1, 1])
def test_a_floor_is_a_confidence(floor):
    with pytest.raises(ValidationError):
        pseudo_label.Params(labeler="cbst", portion=0.5, floor=floor)


@pytest.mark.parametrize("portion", [-0.1, 1.1, float("nan")])
def test_a_portion_is_a_share(portion):
    with pytest.raises(ValidationError):
        pseudo_label.Params(labeler="cbst", portion=portion)


def test_an_unknown_labeler_is_refused_by_name(target, tmp_path):
    with pytest.raises(BadInput, match=r"'cbts'.*cbst"):
        pseudo_labelled(target, tmp_path / "p", labeler="cbts")


# --- the pixels that count -----------------------------------------------------------------


@pytest.fixture
def regions(target):
    """Of the last image all pixels count, of the others some."""
    rng = np.random.default_rng(5)
    found = {s.image: rng.random((HEIGHT, WIDTH)) < 0.6 for s in target.samples}
    return {**found, target.samples[-1].image: None}


def test_thresholds_and_tables_are_those_of_sorting_the_pixels_that_count(
    target, regions, tmp_path
):
    found, made, written = pseudo_labelled(target, tmp_path / "p", region=regions.get)
    scores = {c: [] for c in range(3)}
    rows = {(row.image, row[2]): row for row in made.coverage.itertuples()}
    for one, sample in zip(found, target.samples, strict=True):
        of = labelling.measure(one.logits.astype(np.float32), HEIGHT, WIDTH)
        inside = regions[one.image] if regions[one.image] is not None else of[0] >= 0
        for c, name in enumerate(THREE.names):
            own = inside & (of[0] == c)
            scores[c] += [*of[1][own]]
            row = rows[one.image, name]
            assert row.predicted == own.sum()
            assert row.kept == (written[sample.name] == c).sum()
            assert row.sure == sum(k <= made.thresholds["k"][c] for k in of[1][own])
    for c in (0, 1):
        rank = int(len(scores[c]) * 0.4)
        assert made.thresholds["k"][c] == sorted(scores[c])[rank - 1]
        assert made.thresholds["predicted"][c] == len(scores[c])


@pytest.mark.parametrize("labeler", ["cbst", "tpld", "crst_lrent"])
def test_outside_there_is_no_label_and_inside_the_labelers(labeler, target, regions, tmp_path):
    given = pseudo_label.Params(labeler=labeler, portion=0.4)
    found, written = predictions_of(target, tmp_path / "p"), {}
    made = pseudo_label.run(given, found, {}, THREE, PRIOR, written.__setitem__, regions.get)
    k = made.thresholds["k"].to_numpy(np.float32)
    k = np.where(made.thresholds["predicted"] > 0, k, labelling.NOTHING)
    of = parts.build("labelers", labeler, {}, classes=3, portion=0.4)
    for one, sample in zip(found, target.samples, strict=True):
        expected = of.label(one.logits.astype(np.float32), HEIGHT, WIDTH, k)
        inside = regions[one.image]
        for got, wanted in zip(written[sample.name][::2], expected[::2], strict=True):
            assert (got is None) == (wanted is None)
            if got is not None:
                assert got.dtype == np.uint8
                masked = wanted if inside is None else np.where(inside, wanted, IGNORE)
                assert np.array_equal(got, masked)


def test_a_correction_holds_outside_too(target, regions, tmp_path):
    corrected = np.full((HEIGHT, WIDTH), 2, np.uint8)
    name = target.samples[0].name
    _, _, written = pseudo_labelled(target, tmp_path / "a", {name: corrected}, regions.get)
    assert np.array_equal(written[name], corrected)
