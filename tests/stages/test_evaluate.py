"""evaluate: confusion, quality of labels, tables, signals, few labels."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from ruamel.yaml import YAML

from pipeline.domain import artifacts
from pipeline.domain.samples import Domain
from pipeline.domain.taxonomy import IGNORE
from pipeline.evaluation import few, signals
from pipeline.inference import predict
from pipeline.inference.pseudo import PseudoLabelled
from pipeline.model import model
from pipeline.model.recipe import Recipe
from pipeline.runtime.files import BadInput, read_json, write_json
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
    assert not {"miou16", "rare"} & {*metrics}


def test_what_no_label_tells_is_neither_a_metric_nor_a_column(target, tmp_path):
    nothing = evaluate.PseudoLabels(
        PseudoLabelled(target, None, 3), Domain([], target.root, target.size)
    )
    confusion, coverage_ = evaluate.quality(nothing)
    assert coverage_ == 0
    evaluated = SimpleNamespace(recipe=Recipe("small", THREE))
    metrics, table = evaluate.tables(confusion, evaluated, nothing)
    assert metrics == {"labels": {"coverage": 0}}
    write_json(tmp_path / "metrics.json", metrics)
    artifacts.write_table(tmp_path / "iou.csv", table)
    assert (tmp_path / "iou.csv").read_text().splitlines()[:2] == ["class", "soil"]


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


def torn(seed=0):
    """An untrained network, which predicts each class somewhere."""
    network = small(seed).eval()
    image, _ = worlds.scene(np.random.default_rng(9), worlds.SIZE, 3)
    with torch.no_grad():
        logits = network(torch.from_numpy(image).permute(2, 0, 1)[None]).logits
        network.network.classifier.bias -= logits.mean((0, 2, 3))
    return network


def without_weeds():
    """One that never predicts the last class."""
    network = torn()
    with torch.no_grad():
        network.network.classifier.bias[2] = -1000
    return network


def test_few_labels_are_scored_as_many_and_a_class_without_a_pixel_counts_nowhere(scenes, fabric):
    val = scenes(4, classes=2, name="val")
    drawn = few.draw(3, 5, Domain([], val.root, val.size), val)
    found = evaluate.label_light(evaluate.Params(batch=1), without_weeds(), drawn, fabric)
    hits, union = np.zeros(2), np.zeros(2)
    network = without_weeds().eval()
    for index in range(3):
        image = torch.from_numpy(drawn.images.image(index).copy()).permute(2, 0, 1)[None]
        logits, over = predict.scores(network, image)
        label = predict.labels(logits, HEIGHT, WIDTH, over)[0].numpy()
        truth = drawn.images.label(index)
        hits += [((label == c) & (truth == c)).sum() for c in range(2)]
        union += [((label == c) | (truth == c)).sum() for c in range(2)]
    assert found.keys() == {"images", "from", "miou"}
    assert (found["images"], found["from"]) == (3, "val")
    assert found["miou"] == pytest.approx(100 * np.mean(hits / union), abs=1e-6)


def test_no_few_labels_are_nothing(target, fabric):
    drawn = few.draw(0, 5, target, target)
    assert evaluate.label_light(evaluate.Params(), small(), drawn, fabric) == {}


@pytest.fixture
def stage(scenes, tmp_path, monkeypatch):
    """Runs the stage on files: what metrics.json and iou.csv hold of a model of a seed."""
    monkeypatch.chdir(tmp_path)
    val = scenes(5, name="val")
    target = scenes(4, name="target", seed=1)
    artifacts.write_domain(tmp_path / "val.parquet", val)
    artifacts.write_domain(tmp_path / "target.parquet", without_label(target), labelled=False)

    def run(seed=0, labelled=4, **evaluating):
        truth = replace(target, samples=target.samples[:labelled])
        artifacts.write_domain(tmp_path / "truth.parquet", truth)
        model.save(tmp_path / "m.pt", torn(seed))
        roots = {role: {"root": str(tmp_path)} for role in ("target", "val")}
        content = {"seed": 3, "compute": {"accelerator": "cpu", "precision": "32-true"},
                   "prepare": roots, "evaluate": evaluating}  # fmt: skip
        YAML(typ="safe").dump(content, tmp_path / "params.yaml")
        files = {"model": "m.pt", "val": "val.parquet", "target": "target.parquet",
                 "target-truth": "truth.parquet", "metrics": "m.json", "iou": "i.csv"}  # fmt: skip
        words = [word for name, path in files.items() for word in (f"--{name}", path)]
        monkeypatch.setattr("sys.argv", ["evaluate", f"model-{seed}", *words])
        evaluate.main()
        return read_json(tmp_path / "m.json"), (tmp_path / "i.csv").read_bytes()

    return SimpleNamespace(run=run, val=val, target=target)


def miou(domain, chosen, fabric, seed=0):
    """Of a model of a seed, over some images of a domain."""
    of = replace(domain, samples=[s for s in domain.samples if s.image in chosen])
    assert len(of) == len(chosen)
    confusion = evaluate.run(evaluate.Params(), torn(seed), of, fabric)
    metrics, _ = evaluate.tables(confusion, torn(seed), None)
    return pytest.approx(metrics["miou"], abs=1e-6)


def names(domain):
    return [sample.image for sample in domain.samples]


def test_few_labels_of_the_target_leave_all_else_as_it_is(stage, fabric):
    plain, table = stage.run()
    assert "few" not in plain
    assert stage.run(few=0) == (plain, table)
    found, same = stage.run(few=2)
    light = found.pop("few")
    assert (found, same) == (plain, table)
    assert (light["images"], light["from"]) == (2, "target")
    drawn = few.draw(2, 3, stage.target, stage.val)  # by params.yaml's seed
    assert light["miou"] == miou(stage.target, names(drawn.images), fabric)


@pytest.mark.parametrize("seed", [0, 1])
def test_few_labels_of_val_are_the_same_for_all_models_and_not_reported_on(seed, stage, fabric):
    found, _ = stage.run(seed, labelled=1, few=2)
    drawn = few.draw(2, 3, replace(stage.target, samples=[]), stage.val)
    assert found["few"]["from"] == "val"
    assert found["few"]["miou"] == miou(stage.val, names(drawn.images), fabric, seed)
    assert found["miou"] == miou(stage.val, names(drawn.rest), fabric, seed)
    assert found["signals"] == stage.run(seed, few=0)[0]["signals"]


def test_too_many_of_few_labels_stop_it_before_the_model_is_read(stage, monkeypatch):
    monkeypatch.setattr(model, "of_task", lambda *_: pytest.fail("it was read"))
    with pytest.raises(BadInput, match=r"evaluate\.few = 5: the target has 4 labelled images"):
        stage.run(few=5)
