"""What `segue cost` knows of DVC's cache, on a chain of three stages and one beside it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.commands._pending import pending

STAGES = """
stages:
  first: {cmd: cp code first, deps: [code], params: [a], outs: [first]}
  second: {cmd: cp first second, deps: [code, first], outs: [second]}
  third: {cmd: cp second third, deps: [code, second], outs: [third]}
  beside: {cmd: cp code beside, deps: [code], params: [b], outs: [beside]}
"""


def dvc(*words):
    env = os.environ | {"DVC_NO_ANALYTICS": "1"}
    command = [sys.executable, "-m", "dvc", *words]
    subprocess.run(command, env=env, check=True, capture_output=True)


def params(**values):
    Path("params.yaml").write_text("".join(f"{key}: {value}\n" for key, value in values.items()))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project that has run."""
    monkeypatch.chdir(tmp_path)
    dvc("init", "--no-scm", "--quiet")
    Path("dvc.yaml").write_text(STAGES)
    Path("code").write_text("1")
    params(a=1, b=1)
    assert pending() == {"first", "second", "third", "beside"}
    dvc("repro", "--quiet")


def test_what_has_run_is_not_to_come(folder):
    assert pending() == set()


def test_what_changed_is_to_come_with_all_behind_it_and_nothing_beside(folder):
    params(a=2, b=1)
    assert pending() == {"first", "second", "third"}


def test_what_the_cache_has_is_not_to_come(folder):
    params(a=2, b=2)
    dvc("repro", "--quiet")
    params(a=1, b=3)
    assert pending() == {"beside"}


def test_what_was_only_removed_is_not_to_come(folder):
    for name in ("first", "second", "third"):
        Path(name).unlink()
    assert pending() == set()


def test_what_the_cache_lost_is_to_come(folder):
    dvc("gc", "--workspace", "--force", "--quiet")
    for path in Path(".dvc/cache/files").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.unlink()
    Path("second").unlink()
    assert pending() >= {"second", "third"}


def test_outside_a_project_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert pending() is None
    (tmp_path / ".dvc").mkdir()  # as a stage's lock leaves one, and no git
    assert pending() is None
