"""segue rounds: the table that a run ends with, and what to do next."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.commandline import refusal, segue

ROOT = Path(__file__).parents[2]
PARAMS = """
source: {{game: {{}}}}
pretrain: {{source: {{source: game, steps: 1}}}}
rounds: {{{rounds}}}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    shutil.copy(ROOT / "dvc.yaml", tmp_path)


def written(rounds=("round-1", "round-2"), **columns):
    """A report of a source, two controls and rounds."""
    names = ["source", "source-long", "target-norm", *rounds]
    rows = {"model": names, "coverage": None, "precision": None, "miou": None, **columns}
    Path("reports").mkdir()
    pd.DataFrame(rows).to_csv("reports/rounds.csv", index=False)
    items = (f"{name}: {{teacher: source, start: source}}" for name in rounds)
    Path("params.yaml").write_text(PARAMS.format(rounds=", ".join(items)))


def test_the_best_row_is_marked_and_all_fits():
    written(miou=[20.0, 25.961, 31.0, 37.952, 35.6], coverage=[None] * 3 + [20.0, 25.0],
            precision=[None] * 3 + [92.0, 88.0])  # fmt: skip
    told, _ = segue("rounds")
    rows = [line.split() for line in told.splitlines()]
    assert ["round-1", "37.95", "+11.99", "+6.95", "20.00", "92.00", "best"] in rows
    assert ["source-long", "25.96", "-5.04"] in rows
    assert sum("best" in row for row in rows) == 1
    assert max(map(len, told.splitlines())) <= 80


def test_names_of_any_length_fit():
    long = "round-" + "of-a-name-that-goes-on-" * 4
    written(rounds=(long, "round-2"), miou=[20.0, 25.961, 31.0, 37.952, 35.6],
            coverage=[None] * 3 + [20.0, 25.0], precision=[None] * 3 + [92.0, 88.0])  # fmt: skip
    told, _ = segue("rounds")
    assert max(len(line) for line in told.splitlines() if "Change" not in line) <= 100


def test_without_miou_what_needs_no_label_stands_there():
    written(information=[0.1, 0.25, 0.3, 0.4504, 0.44])
    told, _ = segue("rounds")
    rows = [line.split() for line in told.splitlines()]
    assert ["round-1", "0.4504", "+0.2004", "+0.1504", "best"] in rows
    assert "mIoU" not in told
    assert "None" not in told
    assert "nan" not in told


def test_what_the_report_says_of_the_best_stands_below_the_table():
    written(miou=[20.0, 25.961, 31.0, 37.952, 35.6])
    without, _ = segue("rounds")
    said = "round-1 is the best model on val: mIoU 38.0 [chosen on these labels], and so on. " * 2
    Path("models").mkdir()
    Path("models/best.json").write_text(json.dumps({"sentence": said.strip()}))
    told, _ = segue("rounds")
    table, after = without.split("What next")
    assert told.startswith(table)
    assert told.endswith(f"What next{after}")
    assert told[len(table) : -len(f"What next{after}")].split() == said.split()
    assert max(map(len, told.splitlines())) <= 100
    assert segue("rounds", "reports/rounds.csv")[0] == without  # of any table nothing is said


def test_what_to_do_next_names_a_round_that_is_there():
    written(miou=[1.0, 2.0, 3.0, 4.0, 5.0])
    told, _ = segue("rounds")
    steps = told[told.index("What next") :]
    assert [f"{n}." in steps for n in (1, 2, 3)] == [True] * 3
    assert "make look" in steps
    assert "git add dvc.lock params.yaml && git commit" in steps
    assert "Change round-2 in params.yaml" in steps
    assert "dvc metrics diff" in steps


def test_without_rounds_there_is_none_to_change():
    written(rounds=(), miou=[1.0, 2.0, 3.0])
    told, _ = segue("rounds")
    assert "3." not in told.replace("3.00", "")


def test_without_a_report_it_says_how_to_make_one():
    assert refusal("rounds") == "reports/rounds.csv: no such file; run make demo, or dvc repro"


@pytest.mark.parametrize("text", ["{}", "[]", '"round-1"', "null"])
def test_what_no_report_has_written_is_told(text):
    written(miou=[1.0, 2.0, 3.0, 4.0, 5.0])
    Path("models").mkdir()
    Path("models/best.json").write_text(text)
    assert refusal("rounds").startswith("models/best.json: cannot be read as what the report says")
    Path("reports/rounds.csv").write_text("model,miou\nsource,best\n")
    assert refusal("rounds").startswith("reports/rounds.csv: cannot be read as a table of models")
