"""Each stage's run() on tiny inputs, and stages as processes."""

import json
import os
import select
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from ruamel.yaml import YAML

from pipeline import artifacts, fused, model, parts, predict, predictions, signals
from pipeline.model import Recipe
from pipeline.predictions import Prediction, Predictions
from pipeline.pseudo import PseudoLabelled
from pipeline.samples import BadInput, Domain
from pipeline.stages import (
    correct,
    evaluate,
    gallery,
    infer,
    pretrain,
    pseudo_label,
    report,
    retrain,
    split,
    warmup,
)
from pipeline.taxonomy import CITYSCAPES, IGNORE, resolve
from tests import worlds

THREE = resolve(["soil", "crop", "weed"])
WIDTH, HEIGHT = worlds.SIZE
TRAINING = {
    "batch": 2, "seed": 0, "steps": 2, "augment": {"crop_width": WIDTH, "crop_height": HEIGHT}
}  # fmt: skip


PRIOR = np.full((3, 2, 3), 1 / 3, np.float32)


def predictions_of(domain, folder, classes=3, seed=0):
    rng = np.random.default_rng(seed)

    def made():
        for sample in domain.samples:
            logits = rng.normal(0, 3, (classes, 6, 8)).astype(np.float16)
            logits[classes - 1] -= 30  # the last class is never predicted
            yield Prediction(sample.image, HEIGHT, WIDTH, logits)

    predictions.write(folder, predictions.files(len(domain)), made())
    return Predictions(folder)


def without_label(domain):
    samples = [replace(sample, label=None, label_hash=None) for sample in domain.samples]
    return replace(domain, samples=samples)


def write_labels(folder, labels):
    for name, label in labels.items():
        artifacts.write_label(folder / f"{name}.png", label, THREE.colours)
    return folder


# --- pseudo_label --------------------------------------------------------------------------


@pytest.fixture
def target(scenes):
    return scenes(4, name="target")


def pseudo_labelled(target, folder, corrections=(), **changes):
    given = pseudo_label.Params(**({"labeler": "cbst", "portion": 0.4} | changes))
    written = {}
    found = predictions_of(target, folder)
    write = lambda name, made: written.update({name: made.labels})  # noqa: E731
    made = pseudo_label.run(given, found, dict(corrections), THREE, PRIOR, write)
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
        predicted, k, entropy = fused.measure(grid, HEIGHT, WIDTH)
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


def test_a_correction_of_nothing_known_changes_nothing(target, tmp_path):
    _, _, before = pseudo_labelled(target, tmp_path / "a")
    _, _, after = pseudo_labelled(target, tmp_path / "b", {"other": np.zeros((1, 1), np.uint8)})
    assert set(after) == set(before)


@pytest.mark.parametrize("portion", [-0.1, 1.1, float("nan")])
def test_a_portion_is_a_share(portion):
    with pytest.raises(ValidationError):
        pseudo_label.Params(labeler="cbst", portion=portion)


def test_an_unknown_labeler_is_refused_by_name(target, tmp_path):
    with pytest.raises(BadInput, match=r"'cbts'.*cbst"):
        pseudo_labelled(target, tmp_path / "p", labeler="cbts")


# --- split ---------------------------------------------------------------------------------


def coverage(entropies):
    """One class and one image each; the entropies are those of images b0, b1, ..."""
    return pd.DataFrame(
        [(f"b{i:02d}", "soil", 10, 5, 0.5, e) for i, e in enumerate(entropies)],
        columns=["image", "class", "predicted", "kept", "mean_confidence", "mean_entropy"],
    )


@pytest.mark.parametrize("n", [1, 3, 10])
@pytest.mark.parametrize("easy", [0.0, 0.3, 0.34, 0.67, 0.999, 1.0])
def test_the_first_share_is_easy(n, easy):
    entropies = np.random.default_rng(n).random(n)
    table = split.run(split.Params(ranker="entropy", easy=easy), coverage(entropies), None)
    assert table["image"].tolist() == [f"b{i:02d}" for i in np.argsort(entropies)]
    assert table["rank"].tolist() == list(range(n))
    count = int(np.floor(n * easy))
    assert table["subset"].tolist() == ["easy"] * count + ["hard"] * (n - count)
    assert list(table) == ["image", "score", "rank", "subset"]


@pytest.mark.parametrize("ranker", ["entropy", "none"])
def test_ties_go_by_name(ranker):
    given = coverage([0.5] * 12).sample(frac=1, random_state=0)
    table = split.run(split.Params(ranker=ranker, easy=0.5), given, None)
    assert table["image"].tolist() == [f"b{i:02d}" for i in range(12)]


def test_the_order_that_a_ranker_returns_does_not_matter(monkeypatch):
    scores = pd.Series([0.5, 0.1, 0.5, 0.5], index=["d", "c", "a", "b"])
    ranker = SimpleNamespace(scores=lambda *_: scores)
    monkeypatch.setattr(parts, "build", lambda *_: ranker)
    table = split.run(split.Params(ranker="any", easy=0.5), None, None)
    assert table["image"].tolist() == ["c", "a", "b", "d"]
    assert table["subset"].tolist() == ["easy", "easy", "hard", "hard"]


# --- correct -------------------------------------------------------------------------------


def full(value):
    return np.full((HEIGHT, WIDTH), value, np.uint8)


def test_corrections_of_later_rounds_cover_those_of_earlier_ones(target):
    names = [sample.name for sample in target.samples]
    given = [{names[0]: full(0), names[1]: full(0)}, {}, {names[1]: full(1), names[2]: full(2)}]
    origins = [Path(name) for name in ("round-1", "round-2", "round-3")]
    found = correct.run(given, target, origins)
    assert {name: int(label[0, 0]) for name, label in found.items()} == {
        names[0]: 0, names[1]: 1, names[2]: 2
    }  # fmt: skip


def test_a_correction_of_no_image_is_refused_by_name(target):
    with pytest.raises(BadInput, match=r"rounds/r1/nobody\.png: no target image"):
        correct.run([{"nobody": full(0)}], target, [Path("rounds/r1")])


def test_a_correction_of_another_size_is_refused_with_both(target):
    label = np.zeros((HEIGHT, WIDTH + 1), np.uint8)
    name = target.samples[0].name
    with pytest.raises(BadInput, match=rf"{name}\.png: 33x24, but labels are 32x24"):
        correct.run([{name: label}], target, [Path("r1")])


def test_a_round_inherits_from_its_teachers_alone(target, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rounds = {"r1": "s", "r2": "r1", "r2-b": "r1", "r3": "r2"}
    content = {
        "pretrain": {"s": {"steps": 1}},
        "rounds": {name: {"teacher": of, "start": "s"} for name, of in rounds.items()},
    }
    YAML(typ="safe").dump(content, Path("params.yaml"))
    artifacts.write_domain(Path("target.parquet"), target, labelled=False)
    artifacts.write_taxonomy(Path("taxonomy.json"), THREE)
    names = [sample.name for sample in target.samples]
    for value, (origin, index) in enumerate([("r1", 0), ("r2-b", 1), ("r3", 0)]):
        write_labels(Path("corrections") / origin, {names[index]: full(value)})
    argv = ["--corrections", "corrections", "--target", "target.parquet"]
    for name, expected in (("r2", {names[0]: 0}), ("r2-b", {names[0]: 0, names[1]: 1}),
                           ("r3", {names[0]: 2}), ("r1", {names[0]: 0})):  # fmt: skip
        out = ["--taxonomy", "taxonomy.json", "--in-force", f"in_force/{name}"]
        monkeypatch.setattr(sys, "argv", ["correct", name, *argv, *out])
        correct.main()
        found = {
            path.stem: int(artifacts.read_label_map(path, 3)[0, 0])
            for path in Path("in_force", name).iterdir()
        }
        assert found == expected


# --- infer, pretrain, warmup and retrain ---------------------------------------------------


def small(seed=0):
    return model.create(Recipe("small", THREE, {"width": 4}), seed)


def equal(one, two):
    own, other = one.state_dict(), two.state_dict()
    return all(torch.equal(own[key], other[key]) for key in own)


def ignore_log(step, values):
    pass


def test_each_target_image_has_a_prediction_in_order(target, fabric):
    given = infer.Params(stride=8, flip=True, batch=3)
    found = list(infer.run(given, small(), target, fabric, [range(4)]))
    assert [p.image for p in found] == [sample.image for sample in target.samples]
    network = small().eval()
    for index, prediction in enumerate(found):
        image = torch.from_numpy(target.image(index).copy()).permute(2, 0, 1)[None]
        expected = predict.grid(predict.scores(network, image, True), HEIGHT, WIDTH, 8)[0]
        assert (prediction.height, prediction.width) == (HEIGHT, WIDTH)
        assert prediction.logits.dtype == np.float16
        np.testing.assert_allclose(prediction.logits, expected, atol=2e-3)


@pytest.mark.parametrize("steps", [0, 2])
def test_pretraining_starts_from_the_seed_and_takes_its_steps(steps, scenes, fabric):
    network = {"name": "small", "options": {"width": 4}}
    given = pretrain.Params(**(TRAINING | {"steps": steps, "network": network, "seed": 5}))
    logged = []
    found = pretrain.run(given, scenes(3), THREE, fabric, lambda step, _: logged.append(step))
    assert logged == list(range(steps))
    assert equal(found, small(5)) == (steps == 0)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_retraining_moves_the_start(share, scenes, target, tmp_path, fabric):
    labels = write_labels(tmp_path / "labels", {s.name: full(1) for s in target.samples})
    given = retrain.Params(**TRAINING, objective="self_training", source_share=share)
    terms = set()
    pseudo = pseudo_of(PseudoLabelled(target, labels, 3))
    log = lambda _, values: terms.update(values)  # noqa: E731
    found = retrain.run(given, small(), scenes(3), pseudo, fabric, log)
    assert not equal(found, small())
    sides = {"source"} if share == 1 else {"target"} if share == 0 else {"source", "target"}
    assert terms == {"lr", *sides}


def test_warming_up_moves_the_start_without_any_target_label(scenes, target, fabric):
    given = warmup.Params(**TRAINING | {"from": "source"}, objective="source_only")
    pseudo = PseudoLabelled(without_label(target), None, 3)
    found = warmup.run(given, small(), scenes(3), pseudo, fabric, ignore_log)
    assert not equal(found, small())


def pseudo_of(target, hard=None, predicted=(9, 9, 9)):
    table = pd.DataFrame({"class": THREE.names, "k": [0.1, 0.2, 0.0], "predicted": predicted})
    return retrain.Pseudo(target, hard, table)


def test_the_easy_images_are_chosen(target):
    names = {target.samples[i].image for i in (3, 1)}
    found = retrain.chosen(target, names | {"another"})
    assert found == [1, 3]
    assert np.array_equal(retrain.only(target, found).image(0), target.image(1))
    assert len(target) == 4
    with pytest.raises(BadInput, match=r"split: no image is easy, .*change split\.easy"):
        retrain.chosen(target, set())


# --- evaluate ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [None, (20, 16)])
def test_the_confusion_is_that_of_each_image_alone(size, scenes, fabric):
    val = replace(scenes(5, name="val"), size=(16, 12))  # labels are evaluated at their own size
    width, height = size or worlds.SIZE
    given = evaluate.Params(batch=2, width=size and size[0], height=size and size[1])
    found = evaluate.run(given, small(), val, fabric).matrix
    expected = np.zeros((3, 4), int)
    network = small().eval()
    for index in range(5):
        image = torch.from_numpy(val.image(index).copy()).permute(2, 0, 1)[None]
        label = predict.labels(predict.scores(network, image), height, width)[0].numpy()
        np.add.at(expected, (val.label(index, (width, height)), label), 1)
    assert found.sum() == 5 * width * height
    assert np.abs(found - expected).sum() <= 4  # a batch may turn a near tie


@pytest.fixture
def pseudo(scenes, tmp_path):
    """Labels of five target images, of which three have a truth."""
    target = scenes(5, name="target")
    rng = np.random.default_rng(0)
    labels = {}
    for sample in target.samples:
        labels[sample.name] = rng.choice([0, 1, 2, IGNORE], (HEIGHT, WIDTH)).astype(np.uint8)
    labels[target.samples[1].name][:] = IGNORE
    folder = write_labels(tmp_path / "labels", labels)
    truth = replace(target, samples=[target.samples[i] for i in (4, 1, 2)])
    made = PseudoLabelled(without_label(target), folder, 3)
    return evaluate.PseudoLabels(made, truth), labels


def test_quality_equals_loops(pseudo):
    given, labels = pseudo
    confusion, coverage_ = evaluate.quality(given)
    expected, labelled = np.zeros((3, 4), int), 0
    truths = {given.truth.samples[i].name: given.truth.label(i) for i in range(3)}
    for name, label in labels.items():
        for y, x in np.ndindex(label.shape):
            labelled += label[y, x] != IGNORE
            if name in truths:
                expected[truths[name][y, x], min(label[y, x], 3)] += 1
    assert np.array_equal(confusion.matrix, expected)
    assert coverage_ == pytest.approx(100 * labelled / (5 * HEIGHT * WIDTH))


def test_tables_hold_metrics_and_classes(pseudo):
    given, _ = pseudo
    confusion, _ = evaluate.quality(given)
    evaluated = SimpleNamespace(recipe=Recipe("small", THREE))
    metrics, table = evaluate.tables(confusion, evaluated, given)
    assert list(table) == ["class", "iou", "precision", "coverage"]
    assert tuple(table["class"]) == THREE.names
    for c in range(3):
        hits, row = confusion.matrix[c, c], confusion.matrix[c]
        column = confusion.matrix[:, c].sum()
        assert table["iou"][c] == pytest.approx(100 * hits / (row.sum() + column - hits), abs=1e-6)
        assert table["precision"][c] == pytest.approx(100 * hits / column, abs=1e-6)
        assert table["coverage"][c] == pytest.approx(100 * row[:3].sum() / row.sum(), abs=1e-6)
    square = confusion.matrix[:, :3]
    precision = 100 * square.trace() / square.sum()
    assert metrics["labels"]["precision"] == pytest.approx(precision, abs=1e-6)
    assert metrics["miou"] == pytest.approx(table["iou"].mean(), abs=1e-5)
    assert metrics["miou16"] is metrics["rare"] is None


def test_what_does_not_apply_is_null_and_never_nan(target, tmp_path):
    nothing = evaluate.PseudoLabels(
        PseudoLabelled(target, None, 3), Domain([], target.root, target.size)
    )
    confusion, coverage_ = evaluate.quality(nothing)
    assert coverage_ == 0
    evaluated = SimpleNamespace(recipe=Recipe("small", THREE))
    metrics, table = evaluate.tables(confusion, evaluated, nothing)
    assert metrics == {
        "miou": None, "miou16": None, "miou13": None, "rare": None,
        "labels": {"coverage": 0, "precision": None},
    }  # fmt: skip
    artifacts.write_json(tmp_path / "metrics.json", metrics)
    artifacts.write_table(tmp_path / "iou.csv", table)
    assert (tmp_path / "iou.csv").read_text().splitlines()[1] == "soil,,,"


def test_a_model_without_a_round_has_no_labels(pseudo):
    confusion, _ = evaluate.quality(pseudo[0])
    evaluated = SimpleNamespace(recipe=Recipe("small", THREE))
    metrics, table = evaluate.tables(confusion, evaluated, None)
    assert "labels" not in metrics
    assert list(table) == ["class", "iou"]


@pytest.mark.parametrize(("asked", "chosen"), [(2, [0, 3]), (9, [0, 1, 2, 3])])
def test_signals_are_of_images_spread_over_the_target(asked, chosen, target, fabric):
    given = evaluate.Params(signals=asked)
    found = evaluate.label_free(given, small(), without_label(target), fabric)
    network = small().eval()
    grids = []
    for index in chosen:
        image = torch.from_numpy(target.image(index).copy()).permute(2, 0, 1)[None]
        grids.append(predict.scores(network, image)[0])
    expected = signals.signals(grids, len(chosen))
    assert found == pytest.approx(expected, abs=1e-4)


def test_no_images_give_no_signals(target, fabric):
    assert evaluate.label_free(evaluate.Params(signals=0), small(), target, fabric) == {}


def test_thresholds_are_beside_the_classes_of_a_round(pseudo):
    given = replace(pseudo[0], thresholds=pd.DataFrame({"lambda": [0.5, 0.75, 1.0]}))
    evaluated = SimpleNamespace(recipe=Recipe("small", THREE))
    confusion, _ = evaluate.quality(given)
    metrics, table = evaluate.tables(confusion, evaluated, given, {"entropy": 0.5})
    assert table["lambda"].tolist() == [0.5, 0.75, 1.0]
    assert metrics["signals"] == {"entropy": 0.5}


# --- gallery -------------------------------------------------------------------------------


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
        predicted, _, _ = fused.measure(logits, HEIGHT, WIDTH)
        maps = [predicted, labels[name]]
        expected = [artifacts.colourise(m, THREE.colours) for m in maps]
        assert np.array_equal(panels[0], target.image(index))
        assert np.array_equal(panels[1], expected[0])
        assert np.array_equal(panels[2], expected[1])
        if index in truths:
            truth = given.truth.label(truths[index])
            assert np.array_equal(panels[3], artifacts.colourise(truth, THREE.colours))
        else:
            assert (panels[3] == 200).all()


def test_a_gallery_is_written_as_strips_and_a_mosaic(tmp_path):
    panels = [np.full((HEIGHT, WIDTH, 3), 60 * i, np.uint8) for i in range(4)]
    gallery.write(tmp_path, [("a__0", panels), ("a__1", panels)])
    with Image.open(tmp_path / "images/a__1.png") as strip:
        assert np.array_equal(np.asarray(strip), np.concatenate(panels, axis=1))
    files = [str(p.relative_to(tmp_path)) for p in sorted(tmp_path.rglob("*.png"))]
    assert files == ["images/a__0.png", "images/a__1.png", "mosaic.png"]


@pytest.fixture
def ranked(pseudo):
    """Target images by rank: 3, 0, 4, 1, 2."""
    target = pseudo[0].labels.domain
    order = [3, 0, 4, 1, 2]
    images = [target.samples[i].image for i in order]
    return pd.DataFrame({"image": images, "rank": range(5)}).sample(frac=1, random_state=0)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_the_easiest_images_are_above_the_hardest(count, pseudo, ranked, tmp_path, monkeypatch):
    target = pseudo[0].labels.domain
    found = predictions_of(target, tmp_path / "p")
    rows = []
    monkeypatch.setattr(gallery.plots, "mosaic", lambda *args: rows.extend(args[0]))
    gallery.ends(ranked, target, found, THREE, count)
    for row, order in zip(rows, ([3, 0, 4, 1, 2], [2, 1, 4, 0, 3]), strict=True):
        assert len(row) == min(count, 5)
        for overlay, index in zip(row, order, strict=False):
            grid = found[index].logits.astype(np.float32)
            colours = artifacts.colourise(fused.measure(grid, HEIGHT, WIDTH)[0], THREE.colours)
            expected = (target.image(index).astype(int) + colours) // 2
            assert (np.abs(overlay.astype(int) - expected) <= 1).all()


def test_growth_shows_sparse_voted_and_dense_labels_of_an_image(pseudo, tmp_path, monkeypatch):
    target = pseudo[0].labels.domain
    found = predictions_of(target, tmp_path / "p")
    dense = {s.name: np.full((HEIGHT, WIDTH), 2, np.uint8) for s in target.samples}
    maps = (
        pseudo[0].labels,
        PseudoLabelled(target, write_labels(tmp_path / "dense", dense), 3),
    )
    table = pd.DataFrame({"k": [0.2, 0.4, 0.0], "kept": [5, 5, 0]})
    rows = []
    monkeypatch.setattr(gallery.plots, "mosaic", lambda *args: rows.extend(args[0]))
    gallery.growth(table, target, found, maps, THREE, 5)
    k = np.array([0.2, 0.4, fused.NOTHING], np.float32)
    for index, row in enumerate(rows):
        grid = found[index].logits.astype(np.float32)
        sparse = fused.weighted_argmax(grid, HEIGHT, WIDTH, k).labels
        labels = [sparse, pseudo[0].labels.label(index), dense[target.samples[index].name]]
        expected = [target.image(index)]
        expected += [artifacts.colourise(label, THREE.colours) for label in labels]
        assert all(np.array_equal(a, b) for a, b in zip(row, expected, strict=True))


# --- report --------------------------------------------------------------------------------

PARAMS = {
    "pretrain": {"source": {"steps": 400}, "source-long": {"steps": 950}},
    "warmup": {"advent": {"from": "source", "steps": 100}},
    "retrain": {"steps": 200},
    "pseudo_label": {"labeler": "cbst", "portion": 0.2},
    "rounds": {
        "r1": {"teacher": "advent", "start": "advent", "retrain": {}, "pseudo_label": None},
        "r2": {"teacher": "r1", "start": "source", "retrain": {"steps": 50}},
        "r3": {"teacher": "r2", "start": "r2", "pseudo_label": {"labeler": "st", "portion": 0.5}},
    },
}
MODELS = ("source", "source-long", "advent", "r1", "r2", "r3")


def evaluated(miou=40.0, classes=THREE.names, labels=None):
    metrics = {"miou": miou, "miou16": None, "miou13": None, "rare": 12.5}
    metrics |= {"labels": labels} if labels else {}
    iou = [None, *np.linspace(10, 90, len(classes) - 1)]
    return report.Evaluated(metrics, pd.DataFrame({"class": list(classes), "iou": iou}))


def reported(params=PARAMS, models=MODELS, looks=None, **given):
    rounds = params.get("rounds") or {}
    found = {
        name: evaluated(
            labels={"coverage": 50.0, "precision": None} if name in rounds else None, **given
        )
        for name in models
    }
    return report.run(params, found, looks or {})


def test_steps_count_those_of_the_models_a_model_started_from():
    found = {name: report.steps(PARAMS, name) for name in MODELS}
    assert found == {
        "source": 400, "source-long": 950, "advent": 500, "r1": 700, "r2": 450, "r3": 650
    }  # fmt: skip
    table = reported().rounds.set_index("model")
    assert table["steps"].to_dict() == found
    assert table["steps"].dtype == int


def test_a_row_of_the_report_says_how_its_labels_were_made():
    table = reported().rounds.astype(object).replace({np.nan: None}).set_index("model")
    columns = ["teacher", "labeler", "portion", "coverage", "precision"]
    assert table.loc["source", columns].tolist() == [None] * 5
    assert table.loc["r1", columns].tolist() == ["advent", "cbst", 0.2, 50, None]
    assert table.loc["r3", columns].tolist() == ["r2", "st", 0.5, 50, None]


def test_the_reports_metrics_are_null_and_never_nan(tmp_path):
    found = reported()
    artifacts.write_json(tmp_path / "m.json", found.metrics)
    text = (tmp_path / "m.json").read_text()
    assert "NaN" not in text
    assert json.loads(text)["r1"] == {"miou": 40, "miou16": None, "miou13": None, "rare": 12.5}
    assert set(found.metrics) == set(MODELS)


def test_the_report_of_classes_has_a_column_a_model():
    iou = reported().iou
    assert list(iou) == list(MODELS)
    assert tuple(iou.index) == THREE.names
    assert iou.loc["soil"].isna().all()
    assert (iou.loc["weed"] == 90).all()


@pytest.mark.parametrize("absent", [None, {}])
def test_a_report_without_rounds_or_warmup(absent):
    params = PARAMS | {"rounds": absent, "warmup": absent}
    found = reported(params, ("source", "source-long"))
    assert set(found.figures) == {"iou_by_class"}
    assert "mosaic" not in report.page(found)


def test_figures_are_made_and_shown(tmp_path):
    strip = Image.new("RGB", (4 * WIDTH, HEIGHT), "red")
    found = reported(looks={"r1": strip, "r2": strip, "r3": strip})
    names = {"iou_by_class", "miou_by_round", "labels_by_round", "mosaic"}
    assert set(found.figures) == names
    for name in names:
        assert f'<img src="figures/{name}.png">' in report.page(found)
    again = reported(looks={"r1": strip, "r2": strip, "r3": strip})
    assert all(np.array_equal(found.figures[name], again.figures[name]) for name in names)


def test_the_best_round_on_the_truth_is_marked_as_an_oracle():
    found = {
        name: evaluated(miou) for name, miou in zip(MODELS, (50, 60, 55, 40, 45, 42), strict=True)
    }
    table = report.run(PARAMS, found, {}).rounds.set_index("model")
    assert table["oracle"].to_dict() == dict.fromkeys(MODELS, "") | {"r2": "best on truth"}


def test_signals_are_columns_and_labels_of_classes_figures():
    def of(name):
        found = evaluated(labels={"coverage": 50.0, "precision": 80.0})
        iou = found.iou.assign(precision=[90.0, None, 70.0], coverage=40.0)
        iou["lambda"] = [0.5, 0.9, 1.0]
        signal = {"entropy": 0.2, "information": 0.3, "neighbourhood": 4.0}
        return report.Evaluated({**found.metrics, "signals": signal}, iou)

    found = {name: of(name) if name in PARAMS["rounds"] else evaluated() for name in MODELS}
    made = report.run(PARAMS, found, {})
    table = made.rounds.set_index("model")
    assert table.loc["r1", [*report.SIGNALS]].tolist() == [0.2, 0.3, 4.0]
    assert table.loc["source", [*report.SIGNALS]].isna().all()
    assert {"lambda_by_class", "coverage_by_class", "precision_by_class"} <= set(made.figures)
    page = report.page(replace(made, looks=(("r1", "split"), ("r1", "growth"))))
    assert '<img src="look/r1/split.png">' in page
    assert '<img src="look/r1/growth.png">' in page


HOSTILE = '<script>alert("x")</script>&<b>'


def test_hostile_names_are_escaped():
    params = PARAMS | {"rounds": {HOSTILE: {"teacher": "source", "start": "source"}}}
    found = reported(params, ("source", HOSTILE), classes=(HOSTILE, "$\\frac$", "a_$b$"))
    page = report.page(found)
    assert "<script" not in page
    assert "&<b>" not in page
    assert page.count("&lt;script&gt;") == 3  # a row of rounds, a column and a row of classes


def test_every_name_is_on_the_page_in_full():
    classes = tuple(f"class {i:03d} of many" for i in range(120))
    long = "round-1-" + "with-a-name-that-goes-on-" * 3
    params = PARAMS | {"rounds": {long: {"teacher": "source", "start": "source"}}}
    page = report.page(reported(params, ("source", long), classes=classes))
    assert all(name in page for name in classes)
    assert page.count(long) == 2  # a row of rounds, a column of classes


def test_a_page_loads_nothing_from_outside():
    page = report.page(reported())
    assert "http" not in page
    assert "src=\"figures/" in page  # fmt: skip


def test_the_report_of_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    YAML(typ="safe").dump(PARAMS, Path("params.yaml"))
    for index, name in enumerate(MODELS):
        of = evaluated(30 + index, CITYSCAPES.names)
        artifacts.write_json(Path("rounds", name, "metrics.json"), dict(of.metrics))
        artifacts.write_table(Path("rounds", name, "iou.csv"), of.iou)
    for name in PARAMS["rounds"]:
        for image in range(3):
            strip = Image.new("RGB", (4 * WIDTH, HEIGHT), (100 * image, 0, 0))
            artifacts.write_image(Path("look", name, "images", f"{image}.png"), strip)
    outs = {"metrics": "m.json", "table": "r.csv", "iou": "i.csv", "figures": "figures",
            "index": "index.html"}  # fmt: skip
    argv = [word for name, at in outs.items() for word in (f"--{name}", at)]
    monkeypatch.setattr(sys, "argv", ["report", "--rounds", "rounds", "--look", "look", *argv])
    report.main()
    first = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    report.main()
    assert first == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert [v["miou"] for v in artifacts.read_json(Path("m.json")).values()] == [*range(30, 36)]
    assert len(artifacts.read_table(Path("i.csv"))) == 19
    for name in ("iou_by_class", "miou_by_round", "labels_by_round", "mosaic"):
        assert Path("figures", f"{name}.png").exists()


# --- stages as processes -------------------------------------------------------------------

ROOT = Path(artifacts.__file__).parents[1]
STAGE = """
import sys
from pipeline import process
from pipeline.samples import BadInput

def main():
    at = process.paths("source", "target_truth", item=True, optional=("labels",))
    if at.item == "bad":
        raise BadInput(f"{at.source}: is bad\\n{at.target_truth}: is worse")
    if at.item == "broken":
        raise ValueError("a bug")
    print(at.item, at.source.name, at.target_truth.name, at.labels, flush=True)
    sys.stdin.read()

process.stage(main)
"""
PATHS = ("--source", "a/s.parquet", "--target-truth", "t.parquet")


@pytest.fixture
def command(tmp_path):
    (tmp_path / "stage.py").write_text(STAGE)

    def words(*argv):
        return [sys.executable, str(tmp_path / "stage.py"), *argv]

    return words


@pytest.fixture
def start(command, tmp_path):
    """Starts a stage; what is left of it at the end is killed."""
    running = []

    def call(*argv, **env):
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command(*argv), cwd=tmp_path, stdin=pipe, stdout=pipe, stderr=pipe, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        )  # fmt: skip
        running.append(process)
        return process

    yield call
    for process in running:
        process.kill()
        process.communicate()


def ended(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_a_stage_reads_its_paths(start):
    assert ended(start("r1", *PATHS)) == (0, "r1 s.parquet t.parquet None\n", "")
    assert ended(start("r1", *PATHS, "--labels", "x"))[1] == "r1 s.parquet t.parquet x\n"


@pytest.mark.parametrize("argv", [(), ("r1",), ("r1", *PATHS[:2]), ("r1", *PATHS, "--other", "x")])
def test_missing_and_unknown_paths_are_refused(argv, start):
    code, out, err = ended(start(*argv))
    assert (code, out) == (2, "")
    assert "Traceback" not in err


def test_bad_input_is_a_message_and_no_traceback(start):
    code, out, err = ended(start("bad", *PATHS))
    assert (code, out) == (1, "")
    assert err == "error: a/s.parquet: is bad\nt.parquet: is worse\n"


def test_a_bug_keeps_its_traceback(start):
    code, _, err = ended(start("broken", *PATHS))
    assert code == 1
    assert "Traceback" in err
    assert "a bug" in err


def test_a_stage_does_not_run_twice_at_once(start):
    first = start("r1", *PATHS)
    assert first.stdout.readline()
    code, out, err = ended(start("r1", *PATHS))
    assert (code, out) == (1, "")
    assert err.startswith("error: stage r1 --source")
    assert "already running" in err
    assert err.count("\n") == 1
    assert ended(start("r2", *PATHS))[0] == 0  # another item is another stage
    assert ended(start("r1", *PATHS, LOCAL_RANK="1"))[0] == 0  # a rank of the first
    assert ended(first)[0] == 0
    assert ended(start("r1", *PATHS))[0] == 0


def test_a_killed_stage_leaves_no_lock(start):
    first = start("r1", *PATHS)
    assert first.stdout.readline()
    first.kill()
    first.wait()
    assert ended(start("r1", *PATHS))[0] == 0


PARENT = """
import subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=sys.stdin)
print(child.pid, flush=True)
child.wait()
"""


def test_a_stage_dies_with_its_parent(command, tmp_path):
    pipe = subprocess.PIPE
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *command("r1", *PATHS)], cwd=tmp_path, stdin=pipe,
        stdout=pipe, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        child = int(parent.stdout.readline())
        assert parent.stdout.readline().startswith("r1")  # main() runs
        os.kill(child, 0)
        parent.kill()
        assert parent.wait(10) == -signal.SIGKILL
        # the stage holds the pipe too, which ends with its last holder
        assert select.select([parent.stdout], [], [], 10)[0]
        assert parent.stdout.read() == ""
    finally:
        parent.stdin.close()  # a stage that lives on ends now
