"""The sentence that says which model is best and whether it helped, against tables by hand."""

import numpy as np
import pandas as pd
import pytest

from pipeline.look import verdict
from pipeline.runtime.files import read_json

CLASSES = ("road", "train", "pole")
BEFORE = "source", "source-long", "target-norm"


def models(values, column="miou", **more):
    """A row each; round-N is taught by round-N-1, the first by target-norm."""
    rows = []
    for name, value in values.items():
        number = int(name.removeprefix("round-")) if name.startswith("round-") else 0
        teacher = "target-norm" if number == 1 else f"round-{number - 1}" if number else None
        rows.append({"model": name, "teacher": teacher, column: value})
    return pd.DataFrame(rows).assign(**more)


def tables(values, iou=None, precision=None):
    """By model, of each class its IoU and, of rounds, the precision of its pseudo-labels."""
    found = {}
    for name in values:
        table = pd.DataFrame({"class": CLASSES, "iou": (iou or {}).get(name, [50, 50, 50])})
        if name in (precision or {}):
            table["precision"] = precision[name]
        found[name] = table
    return found


def said(values, column="miou", iou=None, precision=None, **more):
    return verdict.of(models(values, column, **more), tables(values, iou, precision)).text


DEMO = {"source": 25.0, "source-long": 28.2, "target-norm": 34.4, "round-1": 36.0,
        "round-2": 37.94, "round-3": 35.57}  # fmt: skip


def test_the_best_on_val_and_what_the_last_round_lost():
    iou = {"round-2": [90.0, 20.0, 30.5], "round-3": [90.5, 7.9, 29.0]}
    precision = {"round-3": [99.0, 3.9, 22.0], "round-2": [1.0, 1.0, 1.0]}
    assert said(DEMO, iou=iou, precision=precision) == (
        "round-2 is the best model on val: mIoU 37.9 (chosen on these labels), 9.7 over "
        "source-long and 3.5 over target-norm. The last round, round-3, lost 2.4 against round-2, "
        "most in train (12.1) and pole (1.5). In round-3 most pseudo-labels of train (3 % right) "
        "and pole (22 % right) are wrong."
    )


def test_a_last_round_that_gained_and_yet_lost_in_a_class():
    iou = {"round-3": [60, 48.9, 49.5]}
    told = said({**DEMO, "round-3": 40}, iou=iou, precision={"round-3": [99, 80, None]})
    assert told == (
        "round-3 is the best model on val: mIoU 40.0 (chosen on these labels), 11.8 over "
        "source-long and 5.6 over target-norm. The last round, round-3, gained 2.1 over round-2, "
        "but lost in train (1.1). In round-3 no class has pseudo-labels that are mostly wrong."
    )


def test_ties_are_said_and_the_first_is_chosen():
    made = verdict.of(models({"source": 30, "round-1": 40, "round-2": 40}), tables(DEMO))
    assert made.choice.best == "round-1"
    assert made.text == (
        "round-1, level with round-2, is the best model on val: mIoU 40.0 (chosen on these "
        "labels), 10.0 over source. The last round, round-2, is level with round-1."
    )


def test_a_difference_that_would_be_shown_as_none_is_a_tie():
    told = said({**DEMO, "source-long": 37.92})
    assert told.startswith("round-2, level with source-long, is the best model on val: mIoU 37.9 ")
    assert "over target-norm." in told
    assert "over source-long" not in told


def test_no_round_is_better_than_a_control():
    told = said({**DEMO, "target-norm": 39})
    assert told.startswith(
        "target-norm is the best model on val: mIoU 39.0 (chosen on these labels), 10.8 over "
        "source-long. No round is better: round-2, the best of them, is 1.1 lower. The last round,"
    )


def test_one_round_is_the_last_one_and_is_held_against_its_teacher():
    told = said({"source": 30.0, "target-norm": 33, "round-1": 32})
    assert "No round is better: round-1, the best of them, is 1.0 lower." in told
    assert told.endswith("The last round, round-1, lost 1.0 against target-norm.")


def test_without_rounds_only_models_are_compared():
    assert said({"source": 30.0, "source-long": 31.25}) == (
        "source-long is the best model on val: mIoU 31.2 (chosen on these labels)."
    )


def test_of_one_model_nothing_was_chosen():
    assert said({"source": 30.0}) == "source is the only model, on val: mIoU 30.0."


def test_a_val_that_is_held_out_of_the_source_is_said_to_be():
    def told(values, column="miou"):
        return verdict.of(models(values, column), tables(values), held_out=True).text

    assert told({"source": 30.0, "source-long": 31.25}) == (
        "source-long is the best model on val (held out of the source): mIoU 31.2 (chosen on these "
        "labels)."
    )
    only = "source is the only model, on val (held out of the source): mIoU 30.0."
    assert told({"source": 30.0}) == only
    assert "held out" not in told({"source": 0.3}, "information")


def test_without_val_few_labels_choose():
    values = {"source-long": 20.0, "round-1": 31.0, "round-2": 30.5}
    few = said(values, "few", miou=None, iou=dict.fromkeys(values, [np.nan] * 3))
    assert few == (
        "round-1 is the best model on the few labels of evaluate.few: mIoU 31.0 (chosen on these "
        "labels), 11.0 over source-long. The last round, round-2, lost 0.5 against round-1."
    )


def test_without_labels_a_signal_chooses():
    values = {"source-long": 0.25, "target-norm": 0.3, "round-1": 0.35, "round-2": 0.31}
    found = verdict.of(
        models(values, "information", miou=None, entropy=[4, 3, 2, 1]), tables(values)
    )
    assert found.choice.measure.by == "signals"
    assert found.text == (
        "round-1 is the best model by information, a signal that needs no labels: 0.350, 0.100 "
        "over source-long and 0.050 over target-norm. The last round, round-2, lost 0.040 against "
        "round-1."
    )


def test_val_is_trusted_before_few_labels_and_those_before_signals():
    names = ["source", "round-1"]
    table = models(dict.fromkeys(names), "miou", information=[1.0, 0.0], few=[1.0, 2.0])
    assert verdict.of(table, tables(names)).choice.measure.by == "few"
    assert verdict.of(table.assign(miou=[5.0, 4.0]), tables(names)).choice.measure.by == "val"
    assert verdict.of(table.drop(columns="few"), tables(names)).choice.best == "source"


def test_nothing_measured_chooses_nothing(tmp_path):
    made = verdict.of(models({"source": None, "round-1": None}), tables(["source", "round-1"]))
    assert made.choice is None
    assert made.text.startswith("There is no val, evaluate.few or evaluate.signals")
    made.write(tmp_path / "best.json", [])
    nothing = dict.fromkeys(["model", "file", "chosen_by", "value"])
    assert read_json(tmp_path / "best.json") == {**nothing, "sentence": made.text, "models": []}


def test_a_model_without_a_number_is_not_chosen_nor_compared():
    told = said({**DEMO, "source-long": None, "round-3": None})
    assert told == (
        "round-2 is the best model on val: mIoU 37.9 (chosen on these labels), 3.5 over "
        "target-norm."
    )


def test_best_json_names_the_file_beside_it(tmp_path):
    made = verdict.of(models(DEMO), tables(DEMO))
    rows = [{"model": "source", "mIoU": 30.1}, {"model": "round-2"}]
    made.write(tmp_path / "best.json", rows)
    found = read_json(tmp_path / "best.json")
    assert (found["model"], found["file"]) == ("round-2", "round-2.pt")
    assert (found["chosen_by"], found["value"], found["sentence"]) == ("val", 37.94, made.text)
    assert found["models"] == rows


def test_classes_are_links_to_the_images_that_show_them():
    iou = {"round-3": [40, 50, 50]}
    known = verdict.of(models(DEMO), tables(DEMO, iou, {"round-3": [80, 10, None]}))
    linked = {part.text: part.state for part in known.parts if part.state}
    of = {"round": "round-3", "sort": "share", "down": "1", "of": "wrong_kept", "layer": "wrong"}
    assert linked == {"road": {**of, "class": "road"}, "train": {**of, "class": "train"}}
    unknown = verdict.of(models(DEMO), tables(DEMO, iou, {"round-3": [None] * 3}))
    (link,) = [part.state for part in unknown.parts if part.state]
    assert link == {**of, "of": "kept", "layer": "label", "class": "road"}
    assert "most pseudo-labels" not in unknown.text


@pytest.mark.parametrize("wrong", [5, 6, 9])
def test_many_wrong_classes_are_counted(wrong):
    names = [f"class {n}" for n in range(10)]
    table = pd.DataFrame(
        {"class": names, "iou": 50.0, "precision": [*range(wrong), *[99] * (10 - wrong)]}
    )
    told = verdict.of(
        models({"target-norm": 1.0, "round-1": 2.0}), {"target-norm": table, "round-1": table}
    ).text
    assert ("class 4 (4 % right) and" in told) == (wrong > 5)
    assert (f"and {wrong - 5} more classes are wrong." in told) == (wrong > 5)
    assert ("class 3 (3 % right) and class 4 (4 % right) are wrong." in told) == (wrong == 5)


def test_half_right_is_not_mostly_wrong():
    values = {"target-norm": 1.0, "round-1": 2.0}
    told = said(values, precision={"round-1": [50.0, 49.99, 100]})
    assert "of train (49 % right) are wrong." in told
    assert "road" not in told
