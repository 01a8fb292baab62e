"""evaluate: confusion, quality of labels, tables, signals."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline.domain import artifacts
from pipeline.domain.samples import Domain
from pipeline.domain.taxonomy import IGNORE
from pipeline.evaluation import signals
from pipeline.inference import predict
from pipeline.inference.pseudo import PseudoLabelled
from pipeline.model.recipe import Recipe
from pipeline.runtime.files import write_json
from pipeline.stages import evaluate
from tests import worlds
from tests.rounds import HEIGHT, THREE, WIDTH, small, without_label


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
        logits, over = predict.scores(network, image)
        label = predict.labels(logits, height, width, over)[0].numpy()
        np.add.at(expected, (val.label(index, (width, height)), label), 1)
    assert found.sum() == 5 * width * height
    assert np.abs(found - expected).sum() <= 4  # a batch may turn a near tie


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


def test_coverage_is_of_the_pixels_that_count(pseudo, tmp_path):
    given, _ = pseudo
    inside = np.random.default_rng(3).integers(0, 2, (HEIGHT, WIDTH)).astype(np.uint8)
    worlds.save(tmp_path / "m.png", inside)
    labels = given.labels
    samples = [replace(s, region="m.png", region_hash="") for s in labels.samples]
    masked = replace(labels, domain=replace(labels.domain, samples=samples))
    _, plain = evaluate.quality(given)
    _, found = evaluate.quality(replace(given, labels=masked))
    assert found == pytest.approx(plain / inside.mean())


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
    write_json(tmp_path / "metrics.json", metrics)
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
        grids.append(predict.scores(network, image)[0][0])
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
