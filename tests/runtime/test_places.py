"""What DVC will not keep is refused before a stage has worked for it."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.runtime import places, process
from pipeline.runtime.files import BadInput


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "project").mkdir()
    (tmp_path / "disk").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path


def test_a_link_to_another_disk_is_named_with_another_way(here):
    Path("models").symlink_to(here / "disk")
    with pytest.raises(
        BadInput, match=r"^models: leads out of the project, to .*/disk, .*cache dir"
    ):
        places.check([Path("models/source.pt")])


def test_a_link_amid_the_way_is_named(here):
    Path("data").mkdir()
    Path("data/raw").symlink_to(here / "disk")
    with pytest.raises(BadInput, match=r"^data/raw: leads out"):
        places.check([Path("data/prepared/x"), Path("data/raw/streets/game")])


def test_a_way_up_is_no_way_out(here):
    with pytest.raises(BadInput, match=r"^\.\./disk/x: leads out"):
        places.check([Path("../disk/x")])


def test_links_within_and_whole_paths_are_the_users(here):
    Path("real").mkdir()
    Path("models").symlink_to("real")
    places.check([Path("models/source.pt"), here / "disk/x.pt"])


def test_a_stage_may_keep_its_checkpoints_elsewhere_and_nothing_else(here, monkeypatch):
    Path("unfinished").symlink_to(here / "disk")
    words = ["x", "--model", "a.pt", "--unfinished", "unfinished/x"]
    monkeypatch.setattr(sys, "argv", words)
    assert process.paths("model", "unfinished").model == Path("a.pt")
    monkeypatch.setattr(sys, "argv", ["x", "--model", "unfinished/a.pt", *words[3:]])
    with pytest.raises(BadInput, match="leads out"):
        process.paths("model", "unfinished")


def test_what_git_tracks_is_refused_but_for_the_projects_own(here):
    subprocess.run(["git", "init", "--quiet"], check=True)
    for name in ("models/README.md", "models/none.pt", "models/source.pt"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("x")
    subprocess.run(["git", "add", "models/README.md", "models/none.pt"], check=True)
    places.check([Path("models"), Path("models/none.pt"), Path("models/source.pt")])
    subprocess.run(["git", "add", "models/source.pt"], check=True)
    with pytest.raises(BadInput, match=r"models/source\.pt: git tracks it .*git rm -r --cached"):
        places.check([Path("models/source.pt")])


def test_without_git_there_is_nothing_to_ask(here, monkeypatch):
    monkeypatch.setenv("PATH", "")
    places.check([Path("models/source.pt")])
