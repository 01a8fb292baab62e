"""Two clones with one remote: what either has computed, the other gets."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.projects import OF_A_ROUND, PARAMS, Project, edited

ROUNDS = ("round-1", "round-2")


class Clone(Project):
    """Of another project, with its commits and none of its data."""

    def __init__(self, folder: Path, of: Project) -> None:
        self.folder = folder
        of.call("git", "clone", "--quiet", str(of.folder), str(folder))

    def pull(self) -> tuple[list[str], list[str]]:
        """Of `dvc repro --pull`: the stages that ran, and those that came from the remote."""
        told = self.call("dvc", "repro", "--pull")
        return tuple(re.findall(rf"{word} '([^']+)'", told)  # type: ignore[return-value]
                     for word in ("Running stage", "Pulling data for stage:"))  # fmt: skip


def one_round() -> Any:
    """The pipeline's test, with a model and a round alone."""
    content = YAML(typ="safe").load(PARAMS)
    content |= {"mix": {}, "warmup": {}, "mean": {}}
    content["source"] = {"game": content["source"]["game"]}
    content["pretrain"] = {"source": {"source": "game", "steps": 1}}
    item = {**content["rounds"]["round-1"], "teacher": "source", "retrain": {
        "source": "game", "objective": "self_training", "steps": 1}}  # fmt: skip
    content["rounds"] = {"round-1": item}
    return content


def publish(project: Project, what: str) -> None:
    project.call("git", "add", "--all")
    project.call("git", "commit", "--quiet", "--message", what)
    project.call("dvc", "push", "--run-cache")


@pytest.mark.slow
def test_what_one_clone_computes_the_other_has(tmp_path):
    one = Project(tmp_path / "one")
    one.write_params(one_round())
    one.call("dvc", "remote", "add", "--default", "shared", str(tmp_path / "remote"))
    ran = one.repro()
    publish(one, "round-1")

    two = Clone(tmp_path / "two", one)
    data = tmp_path / "elsewhere"
    shutil.copytree(one.folder / "data/raw", data)
    (two.folder / "data/raw").symlink_to(data)  # git ignores it: params.yaml stays the same
    assert two.pull() == ([], ran)
    assert two.hashes() == one.hashes()
    assert two.repro() == []
    for path in one.hashes():
        assert (two.folder / path).exists(), path

    with edited(two) as content:  # roots are inputs of what reads them alone
        for role in ("target", "val"):
            content["prepare"][role]["root"] = str(data / "city")
        content["source"]["game"]["root"] = str(data / "game")
        two.write_params(content)
        assert two.repro() == ["prepare", "source@game"]
    assert two.repro() == []

    content = two.params()
    content["rounds"]["round-2"] = content["rounds"]["round-1"] | {
        "teacher": "round-1", "start": "round-1"}  # fmt: skip
    two.write_params(content)
    assert set(two.repro()) == {f"{stage}@round-2" for stage in OF_A_ROUND} | {"report"}
    publish(two, "round-2")
    one.call("git", "pull", "--quiet", str(two.folder), "HEAD")
    one = Clone.__new__(Clone)
    one.folder = tmp_path / "one"
    assert one.pull()[0] == []
    assert one.hashes() == two.hashes()

    without = Clone(tmp_path / "three", two)  # no images at all: what is there can be looked at
    assert without.pull()[0] == []
    assert (without.folder / "reports/index.html").is_file()

    one.call("dvc", "gc", "--workspace", "--force")
    assert one.repro() == []
