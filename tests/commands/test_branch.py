"""`segue branch`: rounds from an earlier one, in params.yaml as it is written."""

import shutil
from pathlib import Path

import pytest

from pipeline.runtime.files import BadInput
from pipeline.runtime.params import read
from tests.commandline import invoke

ROOT = Path(__file__).parents[2]
PRESETS = sorted((ROOT / "presets").glob("*.yaml"))


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "presets/streets.yaml", "params.yaml")
    return Path("params.yaml")


def run(*words):
    done = invoke(*words)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_a_branch_adds_lines_and_changes_none(preset, project):
    shutil.copy(preset, project)
    before = project.read_text()
    origin = next(iter(read()["rounds"]))
    run("branch", origin, "other", "--rounds", "3")
    after = project.read_text()
    assert after.startswith(before)  # rounds are the last section of every preset
    assert [*read()["rounds"]][-3:] == ["other-1", "other-2", "other-3"]
    assert all(len(line) < 150 for line in after[len(before) :].splitlines())
    assert run("check").exit_code == 0


def test_its_rounds_follow_each_other_with_the_settings_of_those_before(project):
    run("branch", "round-1", "other", "--rounds", "3")
    rounds = read()["rounds"]
    expected = {"other-1": "round-1", "other-2": "other-1", "other-3": "other-2"}
    for name, teacher in expected.items():
        assert rounds[name]["teacher"] == rounds[name]["start"] == teacher
    portions = [rounds[name]["pseudo_label"]["portion"] for name in expected]
    assert portions == [0.25, 0.3, 0.3]  # round-2's and round-3's, and then there is none


def test_one_round_has_the_name_itself(project):
    run("branch", "round-3", "late")
    assert read()["rounds"]["late"]["teacher"] == "round-3"


def test_rounds_that_start_afresh_go_on_doing_so(project):
    text = project.read_text().replace("start: round-1", "start: source")
    project.write_text(text.replace("start: round-2", "start: source"))
    run("branch", "round-1", "other", "--rounds", "2")
    rounds = read()["rounds"]
    assert [rounds[f"other-{n}"]["start"] for n in (1, 2)] == ["round-1", "source"]


def test_sections_and_comments_behind_the_rounds_stay_behind_them(project):
    text = project.read_text()
    head, rounds = text.split("rounds:\n")
    evaluate = "evaluate: {batch: 8}\n"
    moved = head.replace(evaluate, "") + "rounds:\n" + rounds + f"\n# of the end\n{evaluate}"
    project.write_text(moved)
    run("branch", "round-2", "other")
    assert project.read_text().endswith(f"gallery: {{}}}}\n\n# of the end\n{evaluate}")
    assert run("check").exit_code == 0


def test_rounds_in_one_pair_of_braces_are_added_to(project):
    item = (
        "{teacher: source, start: source, infer: {}, pseudo_label: {labeler: cbst, portion: 0.2}, "
        "split: {ranker: none, easy: 1.0}, retrain: {objective: self_training}, evaluate: {}, "
        "gallery: {}}"
    )
    head = project.read_text().split("rounds:\n")[0]
    project.write_text(f"{head}rounds: {{one: {item}}}  # kept\n")
    run("branch", "one", "two")
    assert [*read()["rounds"]] == ["one", "two"]
    assert "# kept" in project.read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("round-9", "new"), r"rounds\.round-9: no such round; choose round-1, round-2, round-3"),
        (("source", "new"), r"rounds\.source: no such round"),
        (("round-1", "round-2"), r"rounds\.round-2 is there already; choose a name"),
        (("round-1", "source"), r"pretrain\.source is there already"),
        (("round-1", "round", "--rounds", "2"), r"rounds\.round-1 is there already"),
        (("round-1", "a/b"), r"rounds\.a/b: names name files"),
    ],
)
def test_it_refuses_and_changes_nothing(words, message, project):
    before = project.read_bytes()
    with pytest.raises(BadInput, match=message):
        run("branch", *words)
    assert project.read_bytes() == before


def test_without_rounds_there_is_none_to_branch_from(project):
    project.write_text("rounds: {}\n")
    with pytest.raises(BadInput, match=r"rounds\.one: no such round; there are none yet$"):
        run("branch", "one", "two")


def test_a_params_file_behind_a_link_is_written_where_it_lies(project, tmp_path):
    project.rename(tmp_path / "ours.yaml")
    project.symlink_to("ours.yaml")
    run("branch", "round-1", "other")
    run("preset", "streets", "--folder", str(ROOT / "presets"))
    assert project.is_symlink()
    assert (tmp_path / "ours.yaml").read_bytes() == (ROOT / "presets/streets.yaml").read_bytes()
    assert "other" in (tmp_path / "params.previous.yaml").read_text()


@pytest.mark.parametrize("ends", ["\r\n", "\n"])
@pytest.mark.parametrize("mark", ["\ufeff", ""])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_and_marks_stay_as_they_are(ends, mark, last, project):
    before = mark + "# ü, and so on\n" + project.read_text()
    before = (before if last else before.rstrip("\n")).replace("\n", ends)
    project.write_bytes(before.encode())
    run("branch", "round-3", "late")
    after = project.read_bytes().decode()
    assert after.startswith(before.rstrip())
    assert "late" in read(project)["rounds"]
    assert after.count("\n") == after.count(ends)


@pytest.mark.parametrize("mark", ["\ufeff", ""])
def test_one_pair_of_braces_keeps_its_line_ends_and_mark(mark, project):
    text = project.read_text()
    start = text.index("rounds:")
    item = read(project)["rounds"]["round-1"]
    braces = f"{mark}{text[:start]}rounds: {{round-1: {item}}}\n"
    project.write_bytes(braces.replace("\n", "\r\n").encode())
    run("branch", "round-1", "late")
    after = project.read_bytes()
    assert after.count(b"\n") == after.count(b"\r\n")
    assert after.startswith(mark.encode() + b"# streets")


@pytest.mark.parametrize("name", ["2024", "1e3", "null", "2024-13-45"])
def test_a_name_that_yaml_reads_as_something_else_is_quoted(name, project):
    run("branch", "round-1", name, "--rounds", "1")
    assert read()["rounds"][name]["teacher"] == "round-1"


def test_what_would_be_no_yaml_is_refused(project):
    before = project.read_text() + "...\n"  # the end of a document
    project.write_text(before)
    with pytest.raises(BadInput, match="add the rounds by hand"):
        run("branch", "round-1", "other")
    assert project.read_text() == before
