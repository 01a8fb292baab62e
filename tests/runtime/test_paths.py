"""Where a stage's files lie: what dvc.yaml has of it, filled in as DVC does."""

import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo

from pipeline.runtime import paths
from pipeline.runtime.files import BadInput
from tests import projects

ROOT = Path(__file__).parents[2]
PARAMS = """
source: {game: {}}
translations:
  t: {source: game, fit_translator: {segmenter: none}, evaluate_translation: {model: a, adapted: w}}
prior: {source: game}
pretrain: {a: {source: game, steps: 1}, b: {source: game, steps: 1}}
warmup: {w: {from: a, source: game, steps: 1}}
mean: {m: {one: a, other: w}}
rounds:
  r1: {teacher: m, start: b, retrain: {source: game}}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    Path("params.yaml").write_text(PARAMS)


@pytest.mark.parametrize(
    ("stage", "item", "name", "place"),
    [
        ("prior", None, "source", "data/sources/game/index.parquet"),
        ("prior", None, "picture", "data/prepared/prior.png"),
        ("pretrain", "a", "model", "models/a.pt"),
        ("pretrain", "a", "unfinished", "data/unfinished/pretrain/a"),
        ("warmup", "w", "initial", "models/a.pt"),
        ("mean", "m", "other", "models/w.pt"),
        ("translate", "t", "translated", "data/sources/t"),
        ("evaluate_translation", "t", "adapted", "models/w.pt"),
        ("infer", "r1", "teacher", "models/m.pt"),
        ("retrain", "r1", "initial", "models/b.pt"),
        ("retrain", "r1", "source", "data/sources/game/index.parquet"),
        ("evaluate", "a", "metrics", "reports/rounds/a/metrics.json"),
        ("report", None, "metrics", "reports/metrics.json"),
    ],
)
def test_a_place_is_of_the_item(stage, item, name, place):
    assert paths.places(stage, item)[name] == Path(place)


def test_each_place_is_what_dvc_makes_of_it():
    Path("params.yaml").write_text(projects.PARAMS)
    with Repo.init(no_scm=True) as repo:
        stages = {stage.name: stage for stage in repo.index.stages}
    assert {"prior", "mean@both", "evaluate_mean@both", "evaluate@round-2", "report"} <= {*stages}
    for name, stage in stages.items():
        module, item = stage.cmd.split()[2].rpartition(".")[2], name.partition("@")[2] or None
        found = {role: str(place) for role, place in paths.places(module, item).items()}
        assert found == (stage.meta or {}), name


def test_what_has_no_place_has_none():
    assert "shard" not in paths.places("infer", "r1")
    assert "labels" not in paths.places("evaluate", "a")
    assert "labels" in paths.places("evaluate", "r1")
    assert paths.places("another") == {}


TWO = """
stages:
  one:
    foreach: ${pretrain}
    do: {cmd: "python -m pipeline.stages.same ${key}", meta: {made: "one/${key}"}}
  other:
    foreach: ${pretrain}
    do: {cmd: "python -m pipeline.stages.same ${key} --more", meta: {made: "other/${key}"}}
  else:
    foreach: ${warmup}
    do: {cmd: "python -m pipeline.stages.same ${key}", meta: {made: "else/${key}"}}
"""


@pytest.mark.parametrize(
    ("item", "runs", "place"),
    [("a", None, "one/a"), ("a", "other@a", "other/a"), ("a", "sub/dvc.yaml:other@a", "other/a"),
     ("w", None, "else/w"), ("a", "foreign@a", "one/a")],
)  # fmt: skip
def test_of_two_that_run_a_module_dvc_says_which(item, runs, place, monkeypatch):
    Path("dvc.yaml").write_text(TWO)
    if runs is not None:
        monkeypatch.setenv("DVC_STAGE", runs)
    assert paths.places("same", item) == {"made": Path(place)}


def test_an_item_of_another_name_is_refused():
    with pytest.raises(BadInput, match=r"^params\.yaml: infer r9: has no such item; run"):
        paths.places("infer", "r9")


@pytest.mark.parametrize(
    ("stage", "item", "key", "text"),
    [("pretrain", "a", "item.source", "{a: {source: game, "),
     ("prior", None, "prior.source", "prior: {source: game")],
)  # fmt: skip
def test_a_key_that_is_not_there_is_named(stage, item, key, text):
    Path("params.yaml").write_text(PARAMS.replace(text, text.replace("source: game", "other: 1")))
    told = rf"^params\.yaml: {stage}( a)?: {key} is missing, which dvc\.yaml asks for; set it"
    with pytest.raises(BadInput, match=told):
        paths.places(stage, item)


def test_without_dvc_yaml_it_is_said_where_to_work():
    Path("dvc.yaml").unlink()
    with pytest.raises(BadInput, match=r"dvc\.yaml: no such file; work in the project's folder"):
        paths.places("report")
