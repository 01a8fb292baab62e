"""Bad input: one message that says what and where, and nothing that was there is lost."""

from __future__ import annotations

import importlib
import shlex
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from pipeline.commands import annotate
from pipeline.commands.check import check
from pipeline.commands.label import label
from pipeline.commands.migrate import migrate
from pipeline.commands.own import own
from pipeline.commands.review import merge
from pipeline.domain import artifacts, pictures
from pipeline.domain.taxonomy import resolve
from pipeline.model import model
from pipeline.runtime.files import BadInput, read_json
from pipeline.runtime.params import load
from pipeline.stages import pretrain
from tests import bad, worlds

ROOT = Path(__file__).parents[2]
STAGES = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
PARAMS = """
seed: 1
compute: {accelerator: cpu, precision: 32-true, threads: 1}
generate: {}
source:
  game: {reader: folder, root: data/raw/source, width: 32, height: 24}
translations:
  painted:
    source: game
    fit_translator: {translator: lab, segmenter: none}
    translate: {}
    evaluate_translation: {model: source, adapted: source}
mix: {}
prepare:
  classes: [soil, crop, weed]
  target: {reader: folder, root: data/raw/target, width: 32, height: 24}
  val: {reader: folder, root: data/raw/val, width: 32, height: 24}
network: {name: small, options: {width: 4}, weights: null}
training: {batch: 2, optimiser: {lr: 1e-3}, augment: {crop_width: 32, crop_height: 24}}
pretrain: {source: {source: game, steps: 1}}
warmup: {}
mean: {}
infer: {stride: 4}
prior: {source: game}
pseudo_label: {}
split: {}
retrain: {steps: 1}
evaluate: {}
panels: {}
gallery: {}
rounds:
  round-1: {teacher: source, start: source, infer: {}, pseudo_label: {labeler: st, portion: 0.5},
            split: {ranker: entropy, easy: 0.5}, retrain: {source: game, objective: self_training},
            evaluate: {}, gallery: {}}
"""


COMMANDS = {
    "segue check": lambda: check(Path("params.yaml")),
    "segue migrate": lambda: migrate(Path("params.yaml")),
    "segue own": lambda: own(
        *bad.SOURCE_FOLDERS, Path("data/raw/target/images"), presets=ROOT / "presets"
    ),
    "segue label": lambda: labelled(bad.TEACHER),
    "segue label best": lambda: labelled(Path("best")),
    "segue review merge": lambda: merge(Path("a.csv"), Path("b.csv"), Path("out.csv")),
    "segue annotate export": lambda: annotate.export("round-1", Path("out"), "cvat"),
    "segue annotate import": lambda: annotate.import_("round-1", Path("back.xml"), "cvat"),
}


def labelled(used):
    return label(used, bad.IMAGE.parents[1], Path("out"), accelerator="cpu")


def run(by, monkeypatch):
    """A command, or a stage with the words of dvc.yaml."""
    if by in COMMANDS:
        return COMMANDS[by]()
    name, _, item = by.partition(" ")
    text = STAGES[name].get("do", STAGES[name])["cmd"].replace("${key}", item)
    _, _, module, *words = shlex.split(text)
    monkeypatch.setattr("sys.argv", [module.rpartition(".")[2], *words])
    return importlib.import_module(module).main()


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A project of three images a domain, after its first stages."""
    folder = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        build(3)
        for stage in (
            *("prepare", "source game", "prior", "infer round-1"),
            *("fit_translator painted", "translate painted"),
        ):
            run(stage, patch)
        taxonomy, names = resolve([*worlds.FOLDER_NAMES]), []
        for index in range(3):
            names.append(Path(f"{('east', 'west')[index % 2]}/field.{index}"))
            at = bad.ROUND / f"labels/images__{str(names[-1]).replace('/', '__')}.png"
            pictures.write_label(at, np.full((24, 32), index, np.uint8), taxonomy.colours)
        (bad.ROUND / "corrections").mkdir()
        images = artifacts.read_domain(bad.TARGET, Path()).samples
        split = {"image": [s.image for s in images], "subset": ["easy", "easy", "hard"]}
        artifacts.write_table(bad.ROUND / "split.parquet", pd.DataFrame(split))
        thresholds = {"class": taxonomy.names, "lambda": 0.5, "k": np.ones(3, np.float32),
                      "predicted": [1, 1, 1]}  # fmt: skip
        artifacts.write_table(bad.ROUND / "thresholds.parquet", pd.DataFrame(thresholds))
        coverage = {"image": np.repeat(split["image"], 3), "class": [*taxonomy.names] * 3,
                    "predicted": 1, "sure": 1, "mean_entropy": 0.5}  # fmt: skip
        artifacts.write_table(bad.ROUND / "coverage.parquet", pd.DataFrame(coverage))
    return folder


def build(images):
    for seed, role in enumerate(("source", "target", "val")):
        worlds.folder(Path("data/raw", role), images, seed=seed)
    Path("params.yaml").write_text(PARAMS)
    shutil.copy(ROOT / "dvc.yaml", "dvc.yaml")
    model.save(bad.TEACHER, bad.small(*worlds.FOLDER_NAMES))


@pytest.fixture
def project(template, tmp_path, monkeypatch):
    shutil.copytree(template, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")


def files():
    """All that a command must leave as it is; a report of what was refused is new."""
    found = [path for path in Path().rglob("*") if path.is_file()]
    new = {"refused.csv", "training.csv"}
    return {path: path.read_bytes() for path in found if path.name not in new}


def test_there_is_nothing_wrong_with_the_project(project, monkeypatch):
    before = files()
    for by in ("segue check", "prepare", "source game", "infer round-1", "retrain round-1"):
        run(by, monkeypatch)
    assert {path: content for path, content in files().items() if path in before} == before


@pytest.mark.parametrize("case", [c for c in bad.CASES if c.kept == bad.ALL], ids=lambda c: c.kind)
def test_what_stops_a_run_is_named_and_loses_nothing(case, project, monkeypatch):
    case.make()
    before = files()
    with pytest.raises(BadInput) as error:
        run(case.by, monkeypatch)
    assert case.words in str(error.value)
    assert files() == before
    assert not bad.PWNED.exists()


@pytest.mark.parametrize("case", bad.FILES, ids=lambda c: c.kind)
def test_an_image_that_is_refused_is_named_and_the_others_stay(case, project, monkeypatch):
    case.make()
    before = {path: content for path, content in files().items() if "raw" in path.parts}
    run(case.by, monkeypatch)
    (row,) = artifacts.read_table(Path("data/sources/game/refused.csv")).to_dict("records")
    assert row["domain"] == "game"
    assert case.words in row["problem"]
    assert str(Path.cwd()) not in row["problem"]
    assert len(artifacts.read_sources(bad.SOURCE, lambda _: Path())["game"]) == 2
    assert {path: content for path, content in files().items() if "raw" in path.parts} == before


def test_new_images_are_labelled_but_for_one(project, monkeypatch):
    (case,) = [c for c in bad.BETWEEN if c.kept == bad.OTHERS]
    case.make()
    with pytest.raises(BadInput, match=case.words):
        run(case.by, monkeypatch)
    assert len([*Path("out/labels").iterdir()]) == 2


@pytest.mark.parametrize(
    "name", ["-rf", "a..b", "'; touch pwned; '", '"$(touch pwned)"', "<script>"]
)
def test_hostile_names_are_names(name, project, monkeypatch):
    bad.rename(name)()
    for by in ("prepare", "source game", "prior", "pretrain source"):
        run(by, monkeypatch)
    images = artifacts.read_sources(bad.SOURCE, lambda _: Path())["game"].samples
    assert f"images/east/{name}.png" in [sample.image for sample in images]
    assert not bad.PWNED.exists()


def test_one_image_a_domain_is_enough(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    build(1)
    (Path("data/corrections")).mkdir(parents=True)
    of_round = ("infer", "correct", "pseudo_label", "split", "retrain", "evaluate")
    stages = ["prepare", "source game", "prior", "pretrain source"]
    stages += [f"{stage} round-1" for stage in of_round]
    for by in stages:
        run(by, monkeypatch)
    metrics = read_json(Path("reports/rounds/round-1/metrics.json"))
    assert 0 <= metrics["miou"] <= 100
    assert 0 <= metrics["labels"]["coverage"] <= 100


@pytest.mark.parametrize("rate", ["1e-4", "0.0001"])
def test_a_rate_is_a_number_however_it_is_written(rate, project):
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("lr: 1e-3", f"lr: {rate}"))
    assert load(pretrain.Params, "training", "pretrain.source").optimiser.lr == 1e-4


def test_the_document_has_each_case():
    assert bad.table() in (ROOT / "docs/reliability.md").read_text()
    assert len(bad.CASES) == len({case.kind for case in bad.CASES}) >= 40
