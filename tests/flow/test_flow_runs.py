"""The flow as its user runs it, against a Prefect server of the tests' own on loopback."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import signal
import time

import pytest
from PIL import Image

from tests.dummies import NEEDS, Dummies, environment, ignoring_interrupts, until
from tests.flows import Server, Serving, flow, start

pytestmark = pytest.mark.flow
CHAIN = """
stages:
  link:
    foreach: ${links}
    do:
      cmd: python stage.py link@${key} work/${key}
      deps: ["${item.needs}"]
      outs: ["work/${key}"]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("prefect"))
    yield made
    made.process.terminate()
    made.process.wait()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Dummies(tmp_path_factory.mktemp("dummies").resolve())


@pytest.fixture
def dummies(made):
    made.ran()
    yield made
    made.remove("wait", "broken", "together", "stubborn")


# --- states, edges, targets ----------------------------------------------------------------


def test_states_of_first_second_changed_and_restored_runs(server, dummies):
    run, printed = flow(server, dummies.folder)
    assert server.tasks(run) == dict.fromkeys(NEEDS, "Completed")
    assert server.needs(run) == NEEDS
    assert "train@r1 begins" in printed
    assert sorted(dummies.ran()) == sorted(NEEDS)
    assert "Running" not in dummies.dvc("repro")
    run, _ = flow(server, dummies.folder)
    assert server.tasks(run) == dict.fromkeys(NEEDS, "Cached")
    told = {key: shown["data"] for key, shown in server.artifacts(run).items()}
    assert told == {"run": "## Nothing was to do: all 7 stages are as they were."}
    run, _ = flow(server, dummies.folder, "r2", "report", "-S", "rounds.r2.portion=0.9")
    assert server(f"/flow_runs/{run}")["name"] == "r2 report portion=0.9"
    tags = {task["name"]: task["tags"] for task in server.runs_of(run)}
    assert tags == {name: [*filter(None, [name.partition("@")[2]])] for name in NEEDS}
    changed = {"train@r2", "report"}
    assert {n for n, state in server.tasks(run).items() if state == "Completed"} == changed
    assert dummies.params()["rounds"]["r2"]["portion"] == 0.9
    assert {*dummies.ran()} == changed
    run, _ = flow(server, dummies.folder, "-S", "rounds.r2.portion=0.3")
    assert {n for n, state in server.tasks(run).items() if state == "Restored"} == changed
    assert dummies.ran() == []


def test_what_dvc_ran_is_cached_for_the_flow(server, dummies):
    dummies.edit()
    dummies.dvc("repro")
    assert dummies.ran()
    run, _ = flow(server, dummies.folder)
    assert {*server.tasks(run).values()} == {"Cached"}


def test_targets_run_with_what_they_need(server, dummies):
    dummies.edit()
    run, _ = flow(server, dummies.folder, "r1")
    assert server.tasks(run, 3).keys() == {"source", "infer@r1", "train@r1"}
    assert dummies.ran()[:1] == ["source"]
    assert "other" not in dummies.ran()


def test_what_cannot_be_run_is_refused_in_a_line_and_writes_nothing(server, dummies):
    before = (dummies.folder / "params.yaml").read_text()
    run, printed = flow(server, dummies.folder, "trian", "-S", "rounds.r2.portion=0.7", code=2)
    assert "is it 'train'?" in printed
    assert "Traceback" not in printed
    assert server.state(run) == "Refused"
    assert "is it 'train'?" in server.artifacts(run)["run"]["data"]
    assert (dummies.folder / "params.yaml").read_text() == before


def test_a_failed_stage_stops_what_needs_it_alone(server, dummies):
    dummies.edit()
    dummies.write("broken", "infer@r1 source")
    run, printed = flow(server, dummies.folder, code=1)
    states = server.tasks(run)
    assert (states.pop("source"), states.pop("other")) == ("Failed", "Completed")
    assert {*states.values()} == {"NotReady"}
    assert "source failed" in printed
    told = server.artifacts(run)["run"]["data"]
    assert re.match(r"## Failed after \d+ s: source failed; ", told)
    assert re.search(r"^\| source \| Failed \| \d+ s \|$", told, re.MULTILINE)
    assert re.search(r"^\| report \| NotReady \| ", told, re.MULTILINE)
    assert sorted(dummies.ran()) == ["other", "source"]
    dummies.remove("broken")
    run, _ = flow(server, dummies.folder)
    states = server.tasks(run)
    assert (states["source"], states["other"]) == ("Completed", "Cached")
    assert "other" not in dummies.ran()


def test_two_stages_run_at_once_where_asked(server, dummies):
    dummies.edit()
    dummies.write("together", "")
    run, _ = flow(server, dummies.folder, "other", "source", "--parallel", "2")
    assert {*server.tasks(run, 2).values()} == {"Completed"}


def test_twenty_stages_without_change_are_fast(server, tmp_path):
    links = {"l1": "stage.py"} | {f"l{i}": f"work/l{i - 1}" for i in range(2, 21)}
    params = json.dumps({"links": {name: {"needs": need} for name, need in links.items()}})
    chain = Dummies(tmp_path.resolve(), CHAIN, params)
    chain.dvc("repro")
    seconds = []
    for targets in (("link@l1",), ()):
        begun = time.monotonic()
        run, _ = flow(server, chain.folder, *targets)
        seconds.append(time.monotonic() - begun)
    print(f"no-op flow of one stage and of 20: {seconds[0]:.1f} s, {seconds[1]:.1f} s")
    assert server.tasks(run, 20).keys() == {f"link@{name}" for name in links}
    assert seconds[1] < 3.5 * seconds[0]  # imports, a run and DVC's graph are in both


def test_names_are_text_whatever_they_hold(server, tmp_path):
    name = "<img src=x onerror=alert(1)> {0} {stage} [a](b)"
    hostile = Dummies(tmp_path.resolve(), CHAIN.replace("${key}", "x"), "")
    stages = CHAIN.replace("link@${key} work/${key}", "link work/x").replace("${key}", "x")
    hostile.write("dvc.yaml", stages)
    hostile.write("params.yaml", json.dumps({"links": {name: {"needs": "stage.py"}}}))
    run, _ = flow(server, hostile.folder)
    assert server.tasks(run, 1) == {f"link@{name}": "Completed"}


# --- stopping ------------------------------------------------------------------------------


def stopped(server, dummies, how, **options):
    """Starts a flow, stops it as told while a stage waits; the seconds, the run's id, the code."""
    dummies.edit()
    dummies.write("wait", "")
    process = start(server, dummies.folder, "--parallel", "2", start_new_session=True, **options)
    until(lambda: len(dummies.ran()) > 0)
    time.sleep(1)
    begun = time.monotonic()
    how(process)
    printed, _ = process.communicate(timeout=30)
    seconds = time.monotonic() - begun
    dummies.remove("wait")
    until(lambda: dummies.processes() == [], 15)
    assert dummies.locks() == "{}"
    return seconds, re.findall(r"flow-run/([0-9a-f-]{36})", printed)[0], process.returncode


@pytest.mark.parametrize(
    ("sign", "code", "state"), [("SIGINT", 130, "Cancelled"), ("SIGTERM", 143, "Crashed")]
)
def test_a_signal_leaves_nothing_and_the_next_run_goes_on(server, dummies, sign, code, state):
    kill = getattr(signal, sign)
    seconds, run, ended = stopped(server, dummies, lambda p: os.killpg(p.pid, kill))
    print(f"{sign}: {seconds:.1f} s")
    assert seconds < 15
    assert (ended, server.state(run)) == (code, state)
    run, _ = flow(server, dummies.folder, "source")
    assert server.state(run) == "Completed"
    assert server.tasks(run, 1) == {"source": "Completed"}


def test_a_run_started_by_hand_can_be_cancelled(server, dummies):
    def cancel(process):
        asked = {"sort": "EXPECTED_START_TIME_DESC", "limit": 1}
        server.press_cancel(server("/flow_runs/filter", asked)[0]["id"])

    seconds, run, code = stopped(server, dummies, cancel, preexec_fn=ignoring_interrupts)
    assert seconds < 15
    assert (code, server.state(run)) == (130, "Cancelled")
    assert server.artifacts(run)["run"]["data"].startswith("## Cancelled after ")


def test_run_and_cancel_through_the_work_pool(server, dummies):
    dummies.edit()
    dummies.write("wait", "")
    with Serving(server, dummies, preexec_fn=ignoring_interrupts):
        assert server(f"/work_pools/{server.served}")["type"] == "process"
        deployment = server(f"/deployments/name/segue/{server.served}")
        assert deployment["work_pool_name"] == server.served
        assert deployment["job_variables"]["working_dir"] == str(dummies.folder)
        assert deployment["parameter_openapi_schema"]["properties"]["parallel"]["minimum"] == 1
        run = server.press_run(targets=["r1"])
        until(dummies.ran, 60)
        time.sleep(1)
        begun = time.monotonic()
        server.press_cancel(run)
        until(lambda: server.state(run) == "Cancelled", 40)
        print(f"cancel: {time.monotonic() - begun:.1f} s")
        until(lambda: len(dummies.processes()) == 1, 5)
        assert dummies.locks() == "{}"
        dummies.remove("wait")
        run = server.press_run(targets=["r1"])
        until(lambda: server.state(run) == "Completed", 60)
        assert server.tasks(run, 3)["source"] == "Completed"
    assert dummies.processes() == []


@pytest.mark.parametrize("sign", ["SIGINT", "SIGTERM"])
def test_the_end_of_serving_ends_what_runs(server, dummies, sign):
    dummies.edit()
    dummies.write("wait", "")
    with Serving(server, dummies, preexec_fn=ignoring_interrupts) as serving:
        server.press_run(targets=["source"])
        until(dummies.ran, 60)
        time.sleep(1)
        serving.send_signal(getattr(signal, sign))
        assert serving.wait(timeout=60) == 0
        until(lambda: dummies.processes() == [], 15)
    assert dummies.locks() == "{}"


def test_a_killed_run_is_named_crashed_by_the_next(server, dummies):
    _, run, _ = stopped(server, dummies, lambda process: process.kill())
    assert server.state(run) == "Running"
    # as a kill leaves them amid DVC's writing
    (dummies.folder / ".dvc/tmp/rwlock").write_text("")
    (dummies.folder / "dvc.lock").write_text("schema: '2.")
    _, printed = flow(server, dummies.folder, "source")
    assert printed.count("was cut off by a kill") == 2
    assert server.state(run) == "Crashed"
    assert {*server.tasks(run, 2).values()} == {"Crashed"}


def test_without_a_server_it_brings_its_own_and_ends_it(server, dummies, tmp_path):
    env = environment(PREFECT_HOME=str(tmp_path), PREFECT_SERVER_API_PORT="9")
    begun = lambda process: os.killpg(process.pid, signal.SIGINT)  # noqa: E731
    seconds, _, code = stopped(server, dummies, begun, env=env)
    assert (code, seconds < 15) == (130, True)


def test_a_second_flow_in_the_same_folder_is_refused(server, dummies):
    dummies.edit()
    dummies.write("wait", "")
    first = start(server, dummies.folder, "source")
    until(dummies.ran)
    _, printed = flow(server, dummies.folder, code=2)
    assert "another flow runs in" in printed
    dummies.remove("wait")
    first.communicate(timeout=60)
    assert first.returncode == 0


# --- what is shown -------------------------------------------------------------------------


def one_round(params):
    """Of a tiny world's params what a source model and a round on it take."""
    of = {"source": "game"}
    item = {"teacher": "source", "start": "source", "infer": {}, "evaluate": {}, "gallery": {}}
    item |= {"pseudo_label": {"labeler": "cbst", "portion": 0.5}}
    item |= {
        "split": {"ranker": "entropy", "easy": 0.5},
        "retrain": of | {"objective": "self_training"},
    }
    models = {
        "translations": {},
        "pretrain": {"source": {**of, "steps": 7}},
        "warmup": {},
        "mean": {},
        "rounds": {"round-1": item},
    }
    return {"prior": of} | params | {"retrain": {"steps": 2}} | models


def test_the_project_shows_its_tables_pictures_and_progress(server, tmp_path):
    from pipeline.flow import show
    from tests.projects import Project

    project = Project(tmp_path.resolve())
    project.write_params(one_round(project.params()))
    run, _ = flow(server, project.folder, "--parallel", "2")
    listed = project.call("dvc", "stage", "list", "--name-only").split()
    states = server.tasks(run, len(listed))
    assert states == dict.fromkeys(listed, "Completed")
    assert project.repro() == []
    shown = server.artifacts(run)
    rounds = json.loads(shown["reports-rounds-csv"]["data"])
    assert [row["model"] for row in rounds] == ["source", "round-1"]
    classes = json.loads(shown["reports-rounds-round-1-iou-csv"]["data"])
    assert {"class", "iou"} <= classes[0].keys()
    assert len(classes) == 19
    data = re.findall(r"data:image/jpeg;base64,([^)]+)\)", shown["reports-look-round-1"]["data"])
    with Image.open(io.BytesIO(base64.b64decode(data[0]))) as mosaic:
        assert mosaic.width > 100
    told = shown["reports-index-html"]["data"]
    assert f"```\nfile://{project.folder}/reports/index.html\n```" in told
    assert f"python3 -m webbrowser -t file://{project.folder}/reports/index.html\n" in told
    for name, steps in (("pretrain-source", 7), ("retrain-round-1", 2)):
        progress = shown[f"progress-{name}"]
        assert float(progress["data"]) == 100
        assert f"step {steps} of {steps}" in progress["description"]
    told = shown["run"]["data"]
    best = json.loads(project.read("models/best.json"))
    assert f"**{show.escape(best['sentence'])}**" in told
    assert re.search(r"^\| retrain@round-1 \| Completed \| .+ \|$", told, re.MULTILINE)
    assert re.search(r"^\| round-1 \| [0-9.]+ \|", told.replace("**", ""), re.MULTILINE)
    assert "### Mosaic\n\n![mosaic](data:image/jpeg;base64," in told
    assert f"```\nfile://{project.folder}/reports/index.html\n```" in told
    run, _ = flow(server, project.folder)
    assert {*server.tasks(run, len(listed)).values()} == {"Cached"}
    shown = server.artifacts(run)
    assert shown.keys() == {"run"}
    assert shown["run"]["data"].startswith(f"## Nothing was to do: all {len(listed)} stages are")
    assert best["sentence"][:20] in shown["run"]["data"]
