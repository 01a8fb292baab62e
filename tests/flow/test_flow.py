"""What the flow takes from DVC: its graph, its states, its stages as processes; without Prefect."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest
from dvc.exceptions import DvcException

from pipeline.flow import command, graph
from tests.dummies import NEEDS, ROOT, Dummies, until


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Dummies(tmp_path_factory.mktemp("dummies"))


@pytest.fixture
def dummies(made, monkeypatch):
    monkeypatch.chdir(made.folder)
    monkeypatch.setattr(command.Live, "stopping", False)
    made.ran()
    return made


def run(name, ticks=None):
    lines: list[str] = []
    ended = command.run(name, lines.append, [].append if ticks is None else ticks.append)
    return ended, lines


# --- the graph -----------------------------------------------------------------------------


def test_the_graph_is_dvcs(dummies):
    stages = graph.read()
    assert {name: {*stage.needs} for name, stage in stages.items()} == NEEDS
    drawn = re.findall(r'"(.+)" -> "(.+)";', dummies.dvc("dag", "--dot"))
    assert {(need, s.name) for s in stages.values() for need in s.needs} == {*drawn}


def test_the_graph_of_the_project_is_dvcs(monkeypatch):
    monkeypatch.chdir(ROOT)
    stages = graph.read()
    assert stages["retrain@round-1"].curve == "reports/rounds/round-1/training.csv"
    assert stages["retrain@round-1"].steps == 200
    assert stages["pretrain@source-long"].steps == 1840
    assert stages["warmup@source-norm"].steps == stages["warmup@target-norm"].steps == 40
    assert stages["report"].curve is None
    assert {"evaluate@round-3", "gallery@round-1"} <= {*stages["report"].needs}


def test_each_stage_comes_after_what_it_needs(dummies):
    order = [*graph.read()]
    assert order == ["source", "other", "infer@r1", "train@r1", "infer@r2", "train@r2", "report"]


@pytest.mark.parametrize(
    ("targets", "missing"),
    [
        ([], set()),
        (["report"], set()),
        (["r1"], {"other", "infer@r2", "train@r2", "report"}),
        (["train@r1"], {"other", "infer@r2", "train@r2", "report"}),
        (["infer"], {"other", "train@r2", "report"}),
        (["other", "source"], NEEDS.keys() - {"other", "source"}),
    ],
)
def test_targets_bring_what_they_need(dummies, targets, missing):
    assert graph.select(graph.read(), targets).keys() == NEEDS.keys() - missing


@pytest.mark.parametrize("target", ["r3", "trian", "train@", "@r1", "", "--help", "*"])
def test_unknown_targets_are_refused(dummies, target):
    with pytest.raises(graph.Refused, match="no stage, group of stages or item"):
        graph.select(graph.read(), [target])


def test_a_likely_name_is_named(dummies):
    with pytest.raises(graph.Refused, match=r"is it 'train'\?"):
        graph.select(graph.read(), ["trian"])


# --- overrides -----------------------------------------------------------------------------


def test_overrides_are_those_of_dvc(dummies):
    before = Path("params.yaml").read_text()
    try:
        graph.override(["rounds.r2.portion=0.7", "+rounds.r3={teacher: r2, portion: 1e-1}"])
        assert dummies.params()["rounds"] == {
            "r1": {"teacher": "source", "portion": 0.2},
            "r2": {"teacher": "r1", "portion": 0.7},
            "r3": {"teacher": "r2", "portion": 0.1},
        }
        assert "# a comment" in Path("params.yaml").read_text()
        assert "train@r3" in graph.read()
    finally:
        Path("params.yaml").write_text(before)


@pytest.mark.parametrize(
    "value", ["rounds.r9.portion=1", "rounds.r1.portion", "=", "../p.yaml:a=1", "dvc.yaml:stages=1"]
)
def test_overrides_of_nothing_are_refused(dummies, value):
    before = {name: Path(name).read_text() for name in ("params.yaml", "dvc.yaml")}
    with pytest.raises((graph.Refused, DvcException)):
        graph.override([value])
    assert {name: Path(name).read_text() for name in before} == before


def test_a_plan_that_cannot_be_leaves_the_params_as_they_are(dummies):
    before = Path("params.yaml").read_text()
    for values, target in (
        (["rounds.r2.portion=0.7"], "ghost"),
        (["rounds.r2.portion=0.7", "rounds.r9.portion=1"], "r2"),
        (["~rounds.r1.teacher"], "r2"),
    ):
        with pytest.raises((graph.Refused, DvcException)):
            graph.plan(values, [target])
        assert Path("params.yaml").read_text() == before


def test_a_plan_may_name_a_round_that_it_adds(dummies):
    before = Path("params.yaml").read_text()
    try:
        stages = graph.plan(["+rounds.r3={teacher: r2, portion: 0.1}"], ["r3"])
        assert [*stages][-2:] == ["infer@r3", "train@r3"]
    finally:
        Path("params.yaml").write_text(before)


# --- stages as processes -------------------------------------------------------------------


def test_states_are_what_dvc_says(dummies):
    assert "source" in graph.changed()
    ended, lines = run("source")
    assert (ended.state, ended.last) == ("Completed", "source ends")
    assert lines[-2:] == ["source begins", "source ends"]
    assert dummies.ran() == ["source"]
    assert "source" not in graph.changed()
    assert run("source")[0].state == "Cached"
    Path("work/source.model").unlink()
    assert run("source")[0].state == "Restored"
    assert dummies.ran() == []


def test_a_failed_stage_says_its_own_last_words(dummies):
    dummies.write("broken", "other")
    ended, lines = run("other")
    dummies.remove("broken")
    assert (ended.state, ended.last) == ("Failed", "error: other is broken")
    assert "ERROR: failed to reproduce 'other'" in lines[-1]


def test_what_dvc_itself_refuses_is_said(dummies):
    ended, _ = run("nothing")
    assert ended.state == "Failed"
    assert "Stage 'nothing' not found" in ended.last


def test_what_a_stage_prints_is_not_what_dvc_says(dummies):
    assert command._state("a", "Stage 'a' is cached - skipping run, checking out outputs")
    assert not command._state("a", " Stage 'a' is cached - skipping run, checking out outputs")
    assert not command._state("a", "Stage 'b' didn't change, skipping")


@pytest.mark.parametrize("how", ["", "stubborn"])
def test_stopping_leaves_no_process_and_no_lock(dummies, how):
    dummies.edit()
    dummies.write("wait", "")
    if how:
        dummies.write(how, "")
    ticks: list[bool] = []
    ended: list[command.Ended] = []
    thread = threading.Thread(target=lambda: ended.append(run("other", ticks)[0]))
    thread.start()
    until(lambda: True in ticks)
    start = time.monotonic()
    command.stop()
    thread.join(timeout=5)
    dummies.remove("wait", "stubborn")
    assert time.monotonic() - start < (7 if how else 3)
    assert [e.state for e in ended] == ["Stopped"]
    assert dummies.processes() == []
    assert dummies.locks() == "{}"
    with pytest.raises(InterruptedError):
        run("other")


def test_stopping_nothing_takes_no_time(dummies):
    start = time.monotonic()
    command.stop()
    assert time.monotonic() - start < 0.5


def test_noise_is_left_out():
    for line in ("", "  ", "Updating lock file 'dvc.lock'", "\tgit add dvc.lock"):
        assert command._NOISE.match(line)
    assert not command._NOISE.match("error: no such file")


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("reports/rounds/round-1/iou.csv", "reports-rounds-round-1-iou-csv"),
        ("Ä<b>__x", "b-x"),
        ("///", "unnamed"),
    ],
)
def test_keys_are_prefects(path, key):
    assert graph.key(path) == key
