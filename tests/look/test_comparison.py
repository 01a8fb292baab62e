"""Models side by side: by what they are compared, how, and in which files DVC finds it."""

import json

import pandas as pd
import pytest

from pipeline.look import comparison
from pipeline.look.choice import choose


def models(**columns):
    """source-long, target-norm and two rounds; a column that is not given is empty."""
    names = ["source-long", "target-norm", "round-1", "round-2"]
    empty = {"miou": None, "coverage": None, "precision": None, "information": None}
    return pd.DataFrame({"model": names, **empty, **columns})


MIOU = [30.0, 31.5, 37.904, 35.6]


def test_each_model_is_over_each_control_but_itself():
    found = comparison.table(models(miou=MIOU)).astype(object)
    assert list(found) == ["mIoU", "over source-long", "over target-norm"]
    assert found.where(found.notna(), None).to_numpy().tolist() == [
        [30.0, None, -1.5], [31.5, 1.5, None], [37.9, 7.9, 6.4], [35.6, 5.6, 4.1]
    ]  # fmt: skip
    assert choose(models(miou=MIOU)).best == "round-1"


def test_rounds_have_their_labels_beside_it():
    labels = {"coverage": [None, None, 20.126, 25.0], "precision": [None, None, 90.0, None]}
    found = comparison.table(models(miou=MIOU, **labels))
    assert found.loc["round-1", ["coverage", "precision"]].tolist() == [20.13, 90.0]


def test_a_row_has_what_its_model_has():
    given = models(miou=[30.0, None, 37.904, 35.6], coverage=[None, None, 20.126, 25.0])
    assert comparison.rows(given)[1:3] == [
        {"model": "target-norm"},
        {"model": "round-1", "mIoU": 37.9, "over source-long": 7.9, "coverage": 20.13},
    ]


def test_without_a_control_nothing_is_over_it():
    some = models(miou=MIOU).iloc[2:]
    assert list(comparison.table(some)) == ["mIoU"]


@pytest.mark.parametrize(
    ("given", "by", "heading"),
    [
        ({"miou": MIOU, "few": MIOU, "information": MIOU}, "miou", "mIoU"),
        ({"few": MIOU, "information": MIOU}, "few", "mIoU on few labels"),
        ({"information": [0.1, 0.2, 0.30126, 0.25]}, "information", "information"),
        ({}, None, None),
    ],
)
def test_what_is_known_without_labels_stands_where_miou_would(given, by, heading, tmp_path):
    found = models(coverage=[None, None, 20.0, 25.0], **given)
    choice = choose(found)
    assert (choice and choice.measure.column) == by
    headings = [heading, "over source-long", "over target-norm"] if by else []
    assert list(comparison.table(found)) == [*headings, "coverage"]
    assert (choice and choice.best) == ("round-1" if by else None)
    comparison.write_scores(tmp_path, found)
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json")}
    names = [f"{by}/{name}.json" for name in found["model"]] if by else []
    assert files == {*names, "last.json"}


def test_a_model_that_was_not_measured_has_a_gap(tmp_path):
    found = models(miou=[None, 31.5, 37.9, 35.6])
    assert list(comparison.table(found)) == ["mIoU", "over target-norm"]
    comparison.write_scores(tmp_path, found)
    assert not (tmp_path / "miou/source-long.json").exists()


def test_dvc_gets_a_number_a_model_and_the_last_rounds_keys(tmp_path):
    comparison.write_scores(tmp_path, models(miou=MIOU, coverage=[None, None, 20.0, 25.0]))
    assert (tmp_path / "miou/round-1.json").read_text() == "37.9\n"
    assert json.loads((tmp_path / "last.json").read_text()) == {
        "miou": 35.6, "over_long": 5.6, "over_norm": 4.1, "coverage": 25.0
    }  # fmt: skip
