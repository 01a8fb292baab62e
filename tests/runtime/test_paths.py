"""Where a stage's files lie, from its own name, the item's and what params.yaml says of it."""

from pathlib import Path

import pytest

from pipeline.runtime import paths
from pipeline.runtime.files import BadInput

PARAMS = """
source: {game: {}}
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
        ("infer", "r1", "teacher", "models/m.pt"),
        ("retrain", "r1", "initial", "models/b.pt"),
        ("retrain", "r1", "source", "data/sources/game/index.parquet"),
        ("evaluate", "a", "metrics", "reports/rounds/a/metrics.json"),
        ("report", None, "metrics", "reports/metrics.json"),
    ],
)
def test_a_place_is_of_the_item(stage, item, name, place):
    assert paths.place(stage, name, paths.words(stage, item)) == Path(place)


def test_what_has_no_place_has_none():
    assert paths.place("infer", "shard", paths.words("infer", "r1")) is None


def test_an_item_of_another_name_is_refused():
    with pytest.raises(BadInput, match=r"^params\.yaml: infer r9: it has no 'teacher'; see"):
        paths.place("infer", "teacher", paths.words("infer", "r9"))
