"""Whole runs on data as people have it: no labels of the target, and so no val, or one held out.

Each is `dvc repro` in a fresh copy of the project, on a tiny world.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.domain import artifacts
from pipeline.look import mosaics
from tests import worlds
from tests.projects import Project

SIZE = (64, 32)
PARAMS = """
seed: 1
compute: {{accelerator: cpu, precision: 32-true, threads: 1}}
generate: {{}}
source:
  labelled: {{reader: folder, root: data/raw/source, width: 64, height: 32{source}}}
translations: {{}}
mix: {{}}
prepare:
  classes: {classes}
  target:
    {{reader: folder, root: data/raw/target, options: {{labels: null}}, width: 64, height: 32}}
  val: {val}
network: {{name: small, options: {{width: 8}}, weights: null}}
training:
  batch: 2
  optimiser: {{name: adamw, lr: 1e-2}}
  augment: {{crop_width: 64, crop_height: 32}}
  log_every: 1
pretrain: {{source: {{source: labelled, steps: 3}}, source-long: {{source: labelled, steps: 4}}}}
warmup: {{}}
mean: {{}}
infer: {{stride: 4}}
prior: {{source: labelled}}
pseudo_label: {{}}
split: {{}}
retrain: {{steps: 2}}
evaluate: {{signals: 3}}
panels: {{width: 48}}
gallery: {{images: 2}}
rounds:
  round-1:
    {{teacher: source, start: source, infer: {{}}, pseudo_label: {{labeler: cbst, portion: 0.5}},
     split: {{ranker: entropy, easy: 0.5}}, retrain: {{source: labelled, objective: self_training}},
     evaluate: {{}}, gallery: {{}}}}
"""
MODELS = ["source", "source-long", "round-1"]
SIGNALS = ["entropy", "information", "neighbourhood", "neighbourhood_image"]


def world(raw: Path) -> None:
    worlds.folder(raw / "source", 10, SIZE)
    worlds.folder(raw / "target", 6, SIZE, seed=1)
    for path in (raw / "target/labels").rglob("*.png"):
        path.unlink()


def params(val: str, classes: object = "[soil, crop, weed]", source: str = "") -> str:
    return PARAMS.format(val=val, classes=classes, source=source)


def tables(project: Project) -> dict[str, pd.DataFrame]:
    """Every table that a run writes for people to read, but for what was refused."""
    found = sorted((project.folder / "reports").rglob("*.csv"))
    return {path.name: artifacts.read_table(path) for path in found}


def check_nothing_is_empty(project: Project) -> None:
    """No column without a value, no figure or metric of nothing, and no such word.

    Nobody has corrected anything, so that the tables of corrections have no row.
    """
    for name, table in tables(project).items():
        none = name in ("corrections.csv", "corrected.csv")
        assert table.empty if none else not table.isna().all().any(), name
    summary = project.read("reports/summary.html")
    assert not re.search(r">(None|NaN|nan|null)<", summary)
    for figure in re.findall(r'<img src="([^"]+)"', summary):
        assert (project.folder / "reports" / figure).is_file()
    for path in (project.folder / "reports").rglob("metrics.json"):
        text = path.read_text()
        assert "null" not in text
        assert "NaN" not in text
    assert project.repro() == []


def coloured(raw: Path) -> None:
    world(raw)
    worlds.coloured(raw / "source", 10, SIZE)


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(
        tmp_path_factory.mktemp("project"), params("{reader: none, root: data/raw/target}"), world
    )
    made.first = made.repro()
    return made


def test_an_unlabelled_target_without_val_runs_to_the_report(unlabelled: Project) -> None:
    assert unlabelled.first[-1] == "report"
    val = unlabelled.folder / "data/prepared/val.parquet"
    assert len(artifacts.read_domain(val, Path(), empty=True)) == 0
    metrics = json.loads(unlabelled.read("reports/metrics.json"))
    assert {name: [*found] for name, found in metrics.items()} == dict.fromkeys(MODELS, SIGNALS)
    check_nothing_is_empty(unlabelled)


def test_signals_stand_where_miou_would(unlabelled: Project) -> None:
    rounds = artifacts.read_table(unlabelled.folder / "reports/rounds.csv", *SIGNALS)
    assert not {"miou", "oracle", "precision"} & {*rounds}
    figures = {path.stem for path in (unlabelled.folder / "reports/figures").glob("*.png")}
    assert {f"{name}_by_round" for name in SIGNALS} < figures
    assert not {"iou_by_class", "miou_by_round", "precision_by_class"} & figures
    summary = unlabelled.read("reports/summary.html")
    assert "mIoU" not in summary
    assert "oracle" not in summary


def test_a_page_without_labels_has_no_truth_in_it(unlabelled: Project) -> None:
    shown = unlabelled.read("reports/page/data.js")
    data = json.loads(shown.removeprefix("look.open(").rstrip().removesuffix(");"))
    assert not any(data["truth"])
    assert [[*model["numbers"]] for model in data["models"]] == [SIGNALS] * len(MODELS)
    assert all("iou" not in model for model in data["models"])
    strips = (unlabelled.folder / "reports/look/round-1/images").glob("*.png")
    with Image.open(next(strips)) as strip:
        assert strip.width == SIZE[0] * len(mosaics.PANELS[:-1])


OPTIONS = '{label_map: {"#804000": soil, "#00C040": plant, "#c02060": plant}, ignore: ["#000000"]}'


@pytest.fixture(scope="module")
def pictured(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Labels are pictures, two colours one class, classes have colours; some are held out."""
    text = params(
        f"{{reader: folder, root: data/raw/source, width: 64, height: 32, held_out: 0.3, "
        f"options: {OPTIONS}}}",
        '{soil: "#804000", plant: "#00c040"}',
        f", options: {OPTIONS}",
    )
    made = Project(tmp_path_factory.mktemp("project"), text, coloured)
    made.call(sys.executable, "-c", "from pipeline.commands import main; main()", "check")
    made.first = made.repro()
    return made


def test_labels_in_colours_train_a_model_and_what_is_held_out_judges_it(pictured: Project) -> None:
    assert pictured.first[-1] == "report"
    val = artifacts.read_domain(pictured.folder / "data/prepared/val.parquet", Path())
    index = pictured.folder / "data/sources/labelled/index.parquet"
    (source,) = artifacts.read_sources(index, lambda _: Path()).values()
    held, left = ({sample.image for sample in of.samples} for of in (val, source))
    assert (len(held), len(left), held & left) == (3, 7, set())
    metrics = json.loads(pictured.read("reports/metrics.json"))
    assert [*metrics] == MODELS
    assert all([*found] == ["miou"] and 0 <= found["miou"] <= 100 for found in metrics.values())
    assert "held out of a source, so its mIoU" in pictured.read("reports/summary.html")
    pixels = artifacts.read_table(pictured.folder / "reports/sources/labelled/classes.csv")
    assert (pixels["pixels"] > 0).all()
    check_nothing_is_empty(pictured)


def test_a_correction_drawn_in_the_classes_colours_is_taken_back(pictured: Project) -> None:
    label = next((pictured.folder / "data/rounds/round-1/labels").glob("*.png"))
    with Image.open(label) as shown:
        edited = np.array(shown.convert("RGB"))
    assert {tuple(colour) for colour in edited.reshape(-1, 3).tolist()} <= {
        (0x80, 0x40, 0), (0, 0xC0, 0x40), (0, 0, 0)
    }  # fmt: skip
    edited[:4] = (0, 0xC0, 0x40)
    place = pictured.folder / "data/corrections/round-1" / label.name
    worlds.save(place, edited)
    try:
        pictured.repro("correct@round-1")
        with Image.open(pictured.folder / "data/rounds/round-1/corrections" / label.name) as found:
            assert found.mode == "P"
            assert (np.asarray(found)[:4] == 1).all()
            assert np.array_equal(np.asarray(found.convert("RGB")), edited)
    finally:
        shutil.rmtree(place.parent)
