"""The pipeline as a user runs it: `dvc repro` in a fresh copy of the project, on a tiny world.

The tests share one copy and run in order; each but the last two puts back what it changed.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.runtime.files import BadInput
from pipeline.runtime.params import read
from pipeline.stages.report import FIELDS
from tests import worlds
from tests.projects import MODELS, SIZE, Project, edited, of_round


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """After its first run, whose stages are in `first`, and committed to git."""
    made = Project(tmp_path_factory.mktemp("project"))
    where = made.call("python", "-c", "import pipeline; print(pipeline.__file__)")
    assert Path(where.strip()).is_relative_to(made.folder), "tests another copy than its own"
    made.first = made.repro()
    made.call("git", "add", "--all")
    made.call("git", "commit", "--quiet", "--message", "first run")
    return made


TRANSLATION = {
    f"{stage}@painted" for stage in ("fit_translator", "translate", "evaluate_translation")
}
TRAINED = [name for name in MODELS if name != "both"]  # which is a mean

# --- the first run -------------------------------------------------------------------------


def test_every_stage_runs_once(project):
    expected = {"prepare", "prior", "panels", "report", "warmup@warm", "evaluate_warmup@warm"}
    expected |= {"source@game", "source@drawn", "mix@all"}
    expected |= {"mean@both", "evaluate_mean@both", *TRANSLATION}
    expected |= {f"{stage}@{name}" for name in ("source", "source-long")
                 for stage in ("pretrain", "evaluate_pretrain")}  # fmt: skip
    expected |= of_round("round-1") | of_round("round-2")
    assert sorted(project.first) == sorted(expected)


def test_metrics_have_each_model_and_field(project):
    metrics = json.loads(project.read("reports/metrics.json"))
    assert list(metrics) == MODELS
    for name, found in metrics.items():
        assert tuple(found) == FIELDS
        assert all(value is None or 0 <= value <= 100 for value in found.values()), name
    for name in ("round-1", "round-2"):
        labels = json.loads(project.read(f"reports/rounds/{name}/metrics.json"))["labels"]
        assert 0 < labels["coverage"] < 100
        assert 0 <= labels["precision"] <= 100


def test_each_model_is_judged_by_few_labels_too(project):
    for name in MODELS:
        few = json.loads(project.read(f"reports/rounds/{name}/metrics.json"))["few"]
        assert (few["images"], few["from"]) == (2, "target")
        assert 0 <= few["miou"] <= 100
    header, *rows = (line.split(",") for line in project.read("reports/rounds.csv").splitlines())
    assert all(row[header.index("few")] for row in rows)
    assert "<th>few</th>" in project.read("reports/summary.html")


def test_the_report_is_complete(project):
    header, *rows = project.read("reports/rounds.csv").splitlines()
    assert header.startswith("model,source,teacher,labeler,portion,steps,coverage,precision,miou")
    assert [row.split(",")[0] for row in rows] == MODELS
    assert [int(row.split(",")[5]) for row in rows] == [3, 7, 5, 8, 5, 7]
    page = project.read("reports/summary.html")
    for figure in re.findall(r'<img src="([^"]+)"', page):
        assert (project.folder / "reports" / figure).is_file()
    assert page.count("<img") == 7 + 2 + 1  # figures, splits, the growth of dense labels
    assert "http" not in page
    for name in TRAINED:
        curve = project.read(f"reports/rounds/{name}/training.csv").splitlines()
        assert curve[0].startswith("step,lr,source")
        assert len(curve) > 2
    for name in ("round-1", "round-2"):
        look = project.folder / f"reports/look/{name}"
        assert len(list((look / "images").glob("*.png"))) == 2
        assert len(list((look / "maps").glob("*.js"))) == 6
    assert len(list((project.folder / "reports/panels").glob("*.jpg"))) == 6
    assert project.read("reports/page/data.js").startswith("look.open(")


def test_a_second_repro_runs_nothing(project):
    assert project.repro() == []
    assert project.changed() == set()


def test_dvcs_tables_are_narrow(project):
    show = project.call("dvc", "metrics", "show")
    assert [line.split()[0] for line in show.splitlines()] == [
        "Path", "reports/scores/last.json",
        *sorted(f"reports/scores/miou/{name}.json" for name in MODELS),
    ]  # fmt: skip
    assert show.split()[1:5] == ["coverage", "miou", "over_long", "precision"]
    assert max(map(len, show.splitlines())) <= 100
    path = project.folder / "reports/scores/miou/round-2.json"
    before = path.read_bytes()
    path.unlink()  # it may be a link into DVC's cache
    path.write_text("99.25")
    try:
        diff = project.call("dvc", "metrics", "diff")
        assert [line.split()[:1] + line.split()[2:3] for line in diff.splitlines()] == [
            ["Path", "HEAD"], ["reports/scores/miou/round-2.json", "99.25"]
        ]  # fmt: skip
        experiments = project.call("dvc", "exp", "show", "--no-pager", "--only-changed")
    finally:
        path.write_bytes(before)
    assert max(map(len, (show + diff + experiments).splitlines())) <= 100


def test_models_are_side_by_side(project):
    told = project.call("segue", "rounds")
    said = json.loads(project.read("models/best.json"))["sentence"]
    assert said in " ".join(told.split())
    rows = [line.split() for line in told[: told.index(said[:20])].splitlines()]
    table = {row[0]: row[1:] for row in rows if row and row[0] in MODELS}
    assert [*table] == MODELS
    assert [name for name, row in table.items() if "best" in row] != []
    assert max(map(len, told.splitlines())) <= 100
    assert "Change round-2 in params.yaml" in told


def test_a_run_whose_output_is_a_file_says_how_far_it_is(project):
    project.call("dvc", "repro", "--force", "--single-item", "retrain@round-1", "infer@round-1")
    said = project.said.splitlines()
    assert any(
        re.match(r"round-1: 100 % \(2 of 2\), in \d+ s; lr .* source ", line) for line in said
    )
    assert any(re.match(r"infer round-1: 100 % \(6 of 6\), in \d+ s$", line) for line in said)
    assert max(len(line) for line in said if line.startswith("> ")) <= 100
    assert not [line for line in said if "WARNING" in line]


def test_dvc_shows_plots(project):
    plots = json.loads(project.call("dvc", "plots", "show", "--json"))
    assert "errors" not in plots
    curves = {f"reports/rounds/{name}/training.csv" for name in TRAINED}
    assert curves | {"reports/rounds.csv"} <= plots["data"].keys()
    assert any(key.endswith("miou_by_round.png") for key in plots["data"])


# --- what changes what ---------------------------------------------------------------------


def test_a_new_part_changes_nothing(project):
    new = [
        project.folder / f"pipeline/{room}/new.py"
        for room in ("labelers", "networks", "rankers", "objectives", "datasets", "translators")
    ]
    for path, old in zip(new, ("cbst", "small", "none", "advent", "folder", "lab"), strict=True):
        shutil.copy(path.with_name(f"{old}.py"), path)
    try:
        assert project.changed() == set()
    finally:
        for path in new:
            path.unlink()


@contextmanager
def touched(project: Project, name: str) -> Iterator[None]:
    """A file of code with one more line, which changes nothing that it does."""
    path = project.folder / name
    before = path.read_text()
    path.write_text(f"{before}\n# edited\n")
    try:
        yield
    finally:
        path.write_text(before)


EVALUATED = {
    *("evaluate_pretrain@source", "evaluate_pretrain@source-long", "evaluate_warmup@warm"),
    *("evaluate_mean@both", "evaluate@round-1", "evaluate@round-2"),
}
JUDGED = "evaluate_translation@painted"
SOURCES = {"source@drawn", "source@game"}
EDITS = {
    "pipeline/evaluation/scores.py": {JUDGED, *EVALUATED},
    "pipeline/evaluation/signals.py": {JUDGED, *EVALUATED},
    "pipeline/evaluation/few.py": {"prepare", JUDGED, *EVALUATED},
    "pipeline/translation/matching.py": TRANSLATION,
    "pipeline/translators/lab.py": TRANSLATION - {JUDGED},
    "pipeline/translators/fda.py": set(),
    "pipeline/look/translations.py": {JUDGED, "report"},
    "pipeline/rankers/entropy.py": {"split@round-1"},
    "pipeline/rankers/none.py": set(),
    "pipeline/labelers/cbst.py": {"pseudo_label@round-1"},
    "pipeline/labelers/tpld.py": {"pseudo_label@round-2"},
    "pipeline/objectives/tpld.py": {"retrain@round-2"},
    "pipeline/objectives/advent.py": {"warmup@warm"},
    "pipeline/look/plots.py": {"prior", "report"},
    "pipeline/look/mosaics.py": {"gallery@round-1", "gallery@round-2", "report", JUDGED},
    "pipeline/look/page.py": {"report"},
    "pipeline/checks/inspection.py": {"prepare", *SOURCES},
    "pipeline/datasets/synthia.py": {"source@drawn"},
    "pipeline/stages/mix.py": {"mix@all"},
    "pipeline/checks/plan.py": {*EVALUATED, *(f"{stage}@round-{n}" for n in (1, 2)
                                for stage in ("infer", "retrain"))},
    "pipeline/inference/predict.py": {JUDGED, *EVALUATED, *(f"{stage}@round-{n}" for n in (1, 2)
                                      for stage in ("infer", "pseudo_label", "gallery"))},
    "pipeline/sections/gallery.py": {"gallery@round-1", "gallery@round-2"},
    "pipeline/commands/label.py": set(),
    "pipeline/flow/show.py": set(),
}  # fmt: skip
"""What DVC would run first after an edit; what follows from it is decided by what it writes."""


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_reruns_what_stands_on_it(project, name):
    with touched(project, name):
        assert project.changed() == EDITS[name]


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("pipeline/checks/inspection.py", ["prepare", *sorted(SOURCES)]),
        ("pipeline/rankers/entropy.py", ["split@round-1"]),
        ("pipeline/look/plots.py", ["prior", "report"]),
    ],
)
def test_an_edit_that_changes_no_output_trains_nothing(project, name, stages):
    with touched(project, name):
        assert sorted(project.repro()) == sorted(stages)
    assert project.repro() == []


def test_how_it_is_computed_changes_nothing(project):
    with edited(project) as content:
        content["compute"] |= {"threads": 2, "workers": 1, "memory": 1, "devices": 1}
        project.write_params(content)
        assert project.changed() == set()


def test_a_moved_data_root_trains_nothing_again(project):
    raw = project.folder / "data/raw"
    raw.rename(raw.with_name("elsewhere"))
    try:
        with edited(project) as content:
            for name, source in content["source"].items():
                source["root"] = f"data/elsewhere/{name}"
            for role in ("target", "val"):
                content["prepare"][role]["root"] = "data/elsewhere/city"
            project.write_params(content)
            assert sorted(project.repro()) == ["prepare", *sorted(SOURCES)]
    finally:
        raw.with_name("elsewhere").rename(raw)
    assert project.repro() == []


def test_a_changed_source_image_changes_what_is_trained_on_it(project):
    path = project.folder / "data/raw/game/images/00001.png"
    before = path.read_bytes()
    pixels = np.array(Image.open(path))
    pixels[0, 0] ^= 1
    try:
        Image.fromarray(pixels).save(path)
        assert project.changed() == {"source@game"}
        assert project.repro("source@game", "mix@all") == ["source@game", "mix@all"]
        assert (
            project.changed()
            == {  # source-long learns from a translation, once that has changed
                *("pretrain@source", "warmup@warm", "retrain@round-1", "retrain@round-2", "prior"),
                *TRANSLATION,
            }
        )
    finally:
        path.write_bytes(before)
    assert project.repro() == []


def test_a_new_source_or_mix_reruns_what_names_it(project):
    with edited(project) as content:
        content["source"]["more"] = {**content["source"]["game"], "minimum": 2}
        content["mix"]["three"] = {"one": "all", "other": "more"}
        project.write_params(content)
        assert project.repro() == ["source@more", "mix@three", "report"]  # which is of all there is
        content["prior"]["source"] = "three"
        project.write_params(content)
        assert project.changed() >= {"prior"}
        assert not {name for name in project.changed() if "train" in name}
    assert set(project.repro()) <= {"report"}


@contextmanager
def correction(project: Project) -> Iterator[Path]:
    """A corrected label for round-2, in place."""
    labels = sorted((project.folder / "data/rounds/round-2/labels").glob("*.png"))
    label = np.full(SIZE[::-1], 3, np.uint8)
    path = project.folder / "data/corrections/round-2" / labels[0].name
    worlds.save(path, label)
    try:
        yield path
    finally:
        shutil.rmtree(path.parent)


@contextmanager
def verdict(project: Project, given: str) -> Iterator[None]:
    """On an image of round-2."""
    label = min((project.folder / "data/rounds/round-2/labels").glob("*.png"))
    path = project.folder / "data/review/round-2.csv"
    path.write_text(f"image,verdict,note\n{label.stem},{given},\n")
    try:
        yield
    finally:
        path.unlink()


def changes(project: Project, *stages: str) -> set[str]:
    """What became another file where these stages alone ran."""
    before = project.hashes()
    project.repro("--single-item", *stages)
    after = project.hashes()
    return {path for path in before if after[path] != before[path]}


def test_a_correction_and_a_verdict_change_their_round_alone(project):
    both = ["correct@round-1", "correct@round-2", "split@round-1", "split@round-2"]
    with correction(project), verdict(project, "exclude"):
        assert project.changed() == {*both, "report"}  # the page shows verdicts
        made = changes(project, *both)
        assert made == {f"data/rounds/round-2/{name}" for name in ("corrections", "split.parquet")}
        after = {"pseudo_label@round-2", "gallery@round-2", "retrain@round-2"}
        assert project.changed() == {*after, "report"}
    assert project.repro() == []


# --- what is refused -----------------------------------------------------------------------


def test_labels_of_unknown_values_are_named(project):
    paths = [project.folder / f"data/raw/game/labels/{n:05d}.png" for n in range(1, 6)]
    before = [path.read_bytes() for path in paths]
    try:
        for path in paths:
            Image.fromarray(np.full(SIZE[::-1], 77, np.uint8)).save(path)
        told = project.call("dvc", "repro", "source@game", fails=True)
        assert "error: source.game: 3 of 9 images in data/raw/game are good" in told
        assert "labels/00001.png: unknown label values 77; name them in label_map" in told
    finally:
        for path, content in zip(paths, before, strict=True):
            path.write_bytes(content)
    assert project.repro() == []


@pytest.mark.parametrize(
    ("name", "teacher", "message"),
    [
        ("round-3", "ghost", r"rounds\.round-3\.teacher = 'ghost': no model of that name"),
        (3, "round-2", r"rounds\.3: DVC ignores names that are not strings; quote it"),
    ],
)
def test_rounds_that_cannot_run_are_refused(project, name, teacher, message):
    with edited(project) as content:
        content["rounds"][name] = {**content["rounds"]["round-2"], "teacher": teacher}
        project.write_params(content)
        with pytest.raises(BadInput, match=message):  # what `segue check` and every stage say
            read(project.folder / "params.yaml")
        told = project.call("dvc", "repro", fails=True)
        assert "Running" not in told
        assert teacher != "ghost" or "models/ghost.pt" in told
    assert project.repro() == []


# --- another round, another portion --------------------------------------------------------


def test_a_portion_reruns_its_round_from_there_on(project):
    content = project.params()
    content["rounds"]["round-2"]["pseudo_label"]["portion"] = 0.9
    project.write_params(content)
    diff = project.call("dvc", "params", "diff").splitlines()
    assert [line.split() for line in diff[1:]] == [
        ["params.yaml", "rounds.round-2.pseudo_label.portion", "0.6", "0.9"]
    ]
    stages = ("pseudo_label", "split", "retrain", "evaluate", "gallery")
    assert set(project.repro()) == of_round("round-2", *stages) | {"report"}


def test_a_new_round_runs_itself_and_the_report(project):
    content = project.params()
    new = {**content["rounds"]["round-2"], "teacher": "round-2", "start": "round-2"}
    content["rounds"]["round-3"] = new
    project.write_params(content)
    assert set(project.repro()) == of_round("round-3") | {"report"}
    assert list(json.loads(project.read("reports/metrics.json"))) == [*MODELS, "round-3"]
    assert project.repro() == []


# --- the same again ------------------------------------------------------------------------


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_in_another_folder(tmp_path):
    runs = [Project(tmp_path / name) for name in ("one", "two")]
    for run in runs:
        run.repro()
    one, two = (run.hashes() for run in runs)
    assert len(one) > 30
    assert one == two


@pytest.mark.slow
def test_a_correction_is_what_its_round_learns(project):
    with correction(project) as path:
        assert not {s for s in project.repro() if "round-1" in s} - {"correct@round-1"}
        label = project.folder / "data/rounds/round-2/labels" / path.name
        assert (np.array(Image.open(label)) == 3).all()
        assert project.hashes()["models/round-2.pt"]
    project.repro()
