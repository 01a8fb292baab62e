"""Where a report is from, as far as anything says so."""

import subprocess
from pathlib import Path

import pytest

from pipeline.look import provenance
from pipeline.runtime import params

TEXT = "seed: 3\nprepare:\n  target: {root: data/raw/city}\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(TEXT)
    Path("presets").mkdir()
    Path("presets/other.yaml").write_text("seed: 4\n")
    Path("reports").mkdir()
    return tmp_path


def of():
    return provenance.of(params.read(), Path("reports/index.html"))


def test_a_preset_is_named_where_it_is_the_same_to_the_last_value(project):
    assert "preset" not in of()
    Path("presets/own.yaml").write_text("# with a comment\n" + TEXT)
    assert of()["preset"] == "own"
    assert of()["seed"] == 3


@pytest.mark.parametrize("text", ["{", "prepare: {source: {}}\n", ""])
def test_a_preset_that_is_none_stops_no_report(text, project):
    Path("presets/mine.yaml").write_text(text)
    Path("presets/own.yaml").write_text(TEXT)
    Path("presets/folder.yaml").mkdir()
    assert of()["preset"] == "own"


def test_the_images_are_found_from_the_page(project):
    assert of()["root"] == "../data/raw/city"
    Path("params.yaml").write_text(TEXT.replace("data/raw", "/elsewhere"))
    assert of()["root"] == "/elsewhere/city"


def test_nothing_is_said_that_is_not_known(project):
    Path("params.yaml").write_text("rounds: {}\n")
    assert of() == {}


def test_a_revision_is_that_of_git_if_there_is_one(project):
    def git(*words):
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        return subprocess.run(["git", *who, *words], check=True, capture_output=True, text=True)

    git("init", "--quiet")
    assert not {"revision", "committed"} & {*of()}  # no commit yet
    git("add", "params.yaml")
    git("commit", "--quiet", "--message", "one")
    assert of()["revision"] == git("log", "-1", "--format=%h").stdout.strip()
    assert len(of()["committed"]) == len("2026-01-31")
