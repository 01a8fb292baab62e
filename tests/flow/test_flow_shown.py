"""What a run is called and shows, without a server: names, tags, artifacts and how far it is."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from prefect.states import Cancelled, Completed, Failed

from pipeline.flow import far, naming, outcome, show
from pipeline.flow.graph import Stage
from tests.dummies import ROOT

pytestmark = pytest.mark.flow

# --- names and tags ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("targets", "values", "name"),
    [
        ([], [], "everything"),
        (["round-2"], [], "round-2"),
        (["round-2"], ["rounds.round-2.pseudo_label.portion=0.3"], "round-2 portion=0.3"),
        ([], ["rounds.a.retrain.steps=9", "rounds.a.split.easy=1"], "a steps=9 easy=1"),
        ([], ["seed=2", "retrain.steps=100"], "seed=2 retrain.steps=100"),
        ([], ["params.yaml:+rounds.b={teacher: a.b}"], "+rounds.b={teacher: a.b}"),
        (["a\n b"], ["x"], "a b x="),
    ],
)
def test_a_name_says_what_was_asked_for(targets, values, name):
    assert naming.named(targets, values) == name


def test_a_name_is_no_longer_than_is_read():
    assert len(naming.named([f"round-{n}" for n in range(99)], [])) == 100


@pytest.fixture
def presets(tmp_path):
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    return tmp_path


def of(folder):
    return [*naming._preset(folder)]


def test_a_preset_is_known_as_it_is_and_edited(presets):
    text = (presets / "presets/camvid-dusk.yaml").read_text()
    (presets / "params.yaml").write_text(text)
    assert of(presets) == ["preset: camvid-dusk"]
    (presets / "params.yaml").write_text(f"# a comment\n{text.replace('seed: 1', 'seed: 2')}")
    assert of(presets) == ["preset: camvid-dusk, edited"]
    (presets / "params.yaml").write_text("seed: 1\nmine: {a: 1, b: {}}\n")
    assert of(presets) == []


def test_a_preset_that_is_none_stops_no_run(presets):
    shutil.copy(presets / "presets/camvid-dusk.yaml", presets / "params.yaml")
    (presets / "presets/a.yaml").write_text("{")
    (presets / "presets/b.yaml").write_bytes(b"\xff")
    (presets / "presets/c.yaml").mkdir()
    assert of(presets) == ["preset: camvid-dusk"]


def test_without_presets_or_git_there_are_no_such_tags(tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_text("seed: 1")
    assert of(tmp_path) == []
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert [*naming._revision(tmp_path)] == []
    monkeypatch.setenv("PATH", "")
    assert [*naming._revision(tmp_path)] == []


def test_a_revision_is_gits(tmp_path):
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "one"], ["tag", "v1"]):
        subprocess.run([*git, *words], check=True)
    short = subprocess.check_output([*git, "rev-parse", "--short", "HEAD"], text=True).strip()
    assert [*naming._revision(tmp_path)] == [f"revision: {short}"]


# --- the artifact of a run -----------------------------------------------------------------

STAGES = {
    "train@r1": Stage("train@r1", (), ("models/r1",)),
    "look": Stage("look", (), ("look",)),
    "report": Stage(
        "report",
        ("train@r1",),
        ("best.json", "rounds.csv", "figures", "index.html"),
        None,
        "rounds.csv",
    ),
}
DONE, SAME = Completed(name="Completed"), Completed(name="Cached")


@pytest.fixture
def reports(tmp_path):
    models = [{"model": "source", "mIoU": 30.126}, {"model": "r1|r2", "mIoU": 31, "over source": 1}]
    best = {"sentence": "r1 is <b>best</b>", "model": "r1|r2", "models": models}
    (tmp_path / "best.json").write_text(json.dumps(best))
    for name, colour in (("look", "red"), ("figures", "blue")):
        (tmp_path / name).mkdir()
        Image.new("RGB", (32, 20), colour).save(tmp_path / name / "mosaic.png")
    (tmp_path / "index.html").write_text("<p>")
    return tmp_path


def told(folder, states, state, seconds=7.0):
    times = dict.fromkeys(states, seconds)
    return outcome.Outcome(folder, STAGES, states, times).markdown(state)


def test_a_run_says_what_ran_and_what_came_of_it(reports):
    text = told(reports, {"train@r1": DONE, "look": SAME, "report": DONE}, Completed(), 125)
    assert text.startswith("## 3 stages in 0 s: 2 completed, 1 cached\n\n**r1 is &lt;b&gt;best")
    rows = "| stage | state | time |\n| --- | --: | --: |\n| train@r1 | Completed | 2 min |\n"
    assert f"### What ran\n\n{rows}| report | Completed | 2 min |\n\n" in text
    models = "| model | mIoU | over source |\n| --- | --: | --: |\n| source | 30.13 |  |\n"
    assert models + "| **r1\\|r2** | 31.00 | 1 |\n" in text
    assert outcome._column([0.5585, 2.06, "", 3]) == ["0.56", "2.06", "", "3.00"]
    assert outcome._column([0.558, 0.25]) == ["0.558", "0.250"]
    assert outcome._column([200, 340, ""]) == ["200", "340", ""]
    assert text.count("### Mosaic") == 1
    assert show.picture(reports / "figures/mosaic.png", "Mosaic") in text
    assert "### The page\n\nCopy its address" in text


def test_a_run_in_which_nothing_was_to_do_says_so_and_shows_what_is_there(reports):
    text = told(reports, dict.fromkeys(STAGES, SAME), Completed())
    assert text.startswith("## Nothing was to do: all 3 stages are as they were.\n\n**r1")
    assert "### What ran" not in text
    assert "### Models" in text


def test_a_run_without_the_report_shows_the_models_that_it_scored(reports):
    (reports / "r1.json").write_text('{"miou": 31.5, "labels": {"coverage": 20.0}}')
    scored = Stage("evaluate@r1", ("train@r1",), ("r1.json",))
    stages = {name: STAGES[name] for name in ("train@r1", "look")} | {scored.name: scored}
    text = outcome.Outcome(reports, stages, dict.fromkeys(stages, SAME)).markdown(Completed())
    told = "### Models\n\n| model | mIoU | coverage |\n| --- | --: | --: |\n| r1 | 31.5 | 20 |\n\n"
    assert told + "Which model is best was not asked for: `make flow`" in text


@pytest.mark.parametrize(
    "end", [Failed(message="report failed; rest"), Cancelled(message="Stopped")]
)
def test_what_did_not_end_well_shows_no_result_of_another_run(reports, end):
    text = told(reports, {"train@r1": DONE, "look": SAME, "report": Failed()}, end)
    assert text.startswith(f"## {end.name} after 0 s: {end.message}\n\n### What ran")
    assert "| report | Failed | 7 s |" in text
    assert "best" not in text
    assert "### Models" not in text
    assert show.picture(reports / "look/mosaic.png", "Mosaic") in text


def test_a_run_that_began_nothing_has_its_message_alone():
    text = outcome.Outcome().markdown(Failed(name="Refused", message="no stage"))
    assert text == "## Refused after 0 s: no stage"


# --- how far -------------------------------------------------------------------------------


@pytest.fixture
def shown(monkeypatch):
    """What is shown of a stage: the key of the artifact, the share, and what is said of it."""
    found = []

    def create(share, key, description):
        found.append((key, share, description))
        return key

    def update(key, share, description):
        found.append((key, share, description))

    monkeypatch.setattr(far, "create_progress_artifact", create)
    monkeypatch.setattr(far, "update_progress_artifact", update)
    return found


def test_lines_of_a_loop_are_progress_with_the_time_left(shown):
    progress = far.Progress(Path(), Stage("infer@round-1", ()))
    for line in ("loading 3 % of it", "infer: 5 % (8 of 160), 12 min left", "100 %", "infer: 7 %"):
        progress.hear(line)
    said = r"infer@round-1: infer: 5 % \(8 of 160\), 12 min left"
    assert shown == [("progress-infer-round-1", 5.0, said)]


def test_a_curve_is_progress_with_the_time_left(shown, tmp_path, monkeypatch):
    now = iter([100.0, 130.0, 190.0])
    monkeypatch.setattr(far.time, "monotonic", lambda: next(now))
    progress = far.Progress(tmp_path, Stage("train", (), ("c.csv",), "c.csv", steps=200))
    progress.update()  # there is no file yet
    text = "step,lr,source\n"
    for more in ("", "10,0.00123456,2.34567\n", "20,0.001,1\n2", "", "00,0,0.5\n"):
        text += more
        (tmp_path / "c.csv").write_text(text)
        progress.update()
    assert shown == [
        ("progress-train", 5.0, "train: step 10 of 200; lr 0.00123; source 2.35"),
        ("progress-train", 10.0, "train: step 20 of 200, 9 min left; lr 0.001; source 1"),
        ("progress-train", 100.0, "train: step 200 of 200; lr 0; source 0.5"),
    ]


# --- tables and pictures -------------------------------------------------------------------


def test_text_is_escaped():
    told = show.escape("<script>x</script>\n# [a](javascript:b) *c* `d` ![e]")
    assert "<" not in told
    assert "\n" not in told
    assert told.endswith(r"\# \[a\]\(javascript:b\) \*c\* \`d\` \!\[e\]")


def test_pictures_are_small(tmp_path):
    Image.effect_noise((3000, 3000), 200).save(tmp_path / "mosaic.png")
    text = show.picture(tmp_path / "mosaic.png", "reports/<b>/mosaic.png")
    assert len(text) <= show.LARGEST
    assert "<b>" not in text


def test_tables_hold_numbers_and_text(tmp_path):
    (tmp_path / "a.csv").write_text('class,iou\nroad,61.5\n"<b>, x",nan\nsky,\n')
    rows = [{"class": "road", "iou": 61.5}, {"class": "&lt;b&gt;, x", "iou": "nan"}]
    assert show.table(tmp_path / "a.csv") == [*rows, {"class": "sky", "iou": ""}]


def test_a_curve_that_is_being_written_has_a_last_row(tmp_path):
    path = tmp_path / "training.csv"
    for text, row in (("", {}), ("step,lr\n", {}), ("step,lr\n1,2\n3,", {"step": "1", "lr": "2"})):
        path.write_text(text)
        assert far.last(path) == row
