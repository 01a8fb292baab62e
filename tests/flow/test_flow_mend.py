"""DVC killed while it writes its own files: they are put right, and nothing runs twice."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo

from pipeline.flow.mend import mend

STAGES = """
stages:
  one: {cmd: "cp in one; echo one >> ran", deps: [in], outs: [one]}
  two:
    foreach: {it: 1}
    do: {cmd: "cat one in > other; echo two >> ran", deps: [one, in], outs: [other]}
  last: {cmd: "cp other last; echo last >> ran", deps: [other], outs: [last]}
"""


def dvc(folder, *words):
    env = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    command = [sys.executable, "-m", "dvc", *words]
    done = subprocess.run(command, cwd=folder, env=env, text=True, capture_output=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder in which a pipeline has run, and its dvc.lock."""
    folder = tmp_path_factory.mktemp("mended")
    (folder / "dvc.yaml").write_text(STAGES)
    (folder / "in").write_text("in")
    dvc(folder, "init", "--no-scm", "--quiet")
    code, told = dvc(folder, "repro")
    assert code == 0, told
    return folder, (folder / "dvc.lock").read_bytes()


@pytest.fixture
def folder(whole, monkeypatch):
    """That folder as it was, and the current one."""
    folder, lock = whole
    (folder / "dvc.lock").write_bytes(lock)
    (folder / ".dvc/tmp/rwlock").write_text("{}")
    monkeypatch.chdir(folder)
    return folder


def test_what_is_whole_is_left_alone(folder):
    before = (folder / "dvc.lock").read_bytes()
    assert mend() == []
    assert (folder / "dvc.lock").read_bytes() == before
    assert (folder / ".dvc/tmp/rwlock").read_text() == "{}"


def cuts(whole):
    """Amid lines and at their ends, in each stage."""
    lines = whole.splitlines(keepends=True)
    ends = [len(b"".join(lines[:number])) for number in range(len(lines))]
    return [*ends[::2], *(end - 3 for end in ends[2::4])]


def test_nothing_runs_again_wherever_the_lock_file_was_cut_off(folder):
    whole, ran = (folder / "dvc.lock").read_bytes(), (folder / "ran").read_text()
    assert ran.split() == ["one", "two", "last"]
    mended = 0
    for length in cuts(whole):
        (folder / "dvc.lock").write_bytes(whole[:length])
        told = mend()
        mended += len(told)
        if told:
            assert "dvc.lock: was cut off by a kill" in told[0]
            assert (folder / ".dvc/tmp/dvc.lock.damaged").read_bytes() == whole[:length]
        assert mend() == []
        with Repo() as repo:
            repo.reproduce()
        now = (folder / "dvc.lock").read_bytes()
        assert sorted(now.splitlines()) == sorted(whole.splitlines()), length
        assert (folder / "ran").read_text() == ran
    assert mended > 10


def test_what_git_has_of_it_is_kept(folder, tmp_path, monkeypatch):
    other = shutil.copytree(folder, tmp_path / "with git")
    monkeypatch.chdir(other)
    whole = (other / "dvc.lock").read_bytes()
    for command in (["git", "init", "--quiet"], ["git", "add", "dvc.lock"]):
        subprocess.run(command, check=True)
    (other / "dvc.lock").write_bytes(b"")
    (line,) = mend()
    assert "3 stages kept" in line
    assert (other / "dvc.lock").read_bytes() == whole


def test_a_conflict_of_git_is_left_to_its_user(folder):
    whole = (folder / "dvc.lock").read_text()
    conflict = f"<<<<<<< HEAD\n{whole}=======\n{whole}>>>>>>> other\n"
    (folder / "dvc.lock").write_text(conflict)
    assert mend() == []
    assert (folder / "dvc.lock").read_text() == conflict


def test_a_kill_amid_mending_leaves_what_was_there(folder, monkeypatch):
    cut = (folder / "dvc.lock").read_bytes()[:100]
    (folder / "dvc.lock").write_bytes(cut)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            mend()
    assert (folder / "dvc.lock").read_bytes() == cut
    assert len(mend()) == 1


@pytest.mark.parametrize("text", ["", "{", "null", '{"write": {"x": {"pid": 1, "cm'])
def test_a_lock_of_readers_and_writers_that_was_cut_off_is_removed(text, folder):
    (folder / ".dvc/tmp/rwlock").write_text(text)
    code, told = dvc(folder, "repro")
    assert code != 0, "DVC reads it by now: mend is not needed"
    assert "Running" not in told
    (line,) = mend()
    assert "rwlock: was cut off by a kill; removed" in line
    code, told = dvc(folder, "repro")
    assert code == 0, told
