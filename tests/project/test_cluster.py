"""The whole pipeline on a cluster, as a user runs it: the hashes of a run without one."""

from __future__ import annotations

import os
import random
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests import clusters
from tests.projects import Project, edited

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("alone"))
    made.repro()
    return made


@contextmanager
def killing(cluster: clusters.Cluster, seed: int) -> Iterator[list[int]]:
    """Kills a process that has work, twenty times in all, a while apart."""
    rng, ended, killed = random.Random(seed), threading.Event(), []

    def kill() -> None:
        while len(killed) < 20 and not ended.wait(rng.uniform(5, 15)):
            if found := [pid for pid in cluster.workers() if pid not in killed]:
                killed.append(rng.choice(found))
                try:
                    os.kill(killed[-1], signal.SIGKILL)
                except ProcessLookupError:
                    killed.pop()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        ended.set()
        thread.join()


def on(project: Project, cluster: clusters.Cluster, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages that a `dvc repro` there ran."""
    for key, value in cluster.env.items():
        if key != "PYTHONPATH":  # its own copy of the code is in its folder
            monkeypatch.setenv(key, value)
    with edited(project) as params:
        params["compute"]["cluster"] = cluster.address
        project.write_params(params)
        return project.repro()


@pytest.mark.parametrize("workers", [2, 3])
def test_any_number_of_workers_gives_the_hashes_of_none(workers, alone, tmp_path, monkeypatch):
    project = Project(tmp_path / "project")
    with clusters.cluster(workers) as made:
        ran = on(project, made, monkeypatch)
    assert {re.sub("@.*", "", name) for name in ran} >= {"infer", "retrain", "translate", "panels"}
    assert project.hashes() == alone.hashes()
    assert project.repro() == []  # without the cluster nothing has changed


def test_twenty_kills_change_nothing(alone, tmp_path, monkeypatch):
    project = Project(tmp_path / "project")
    with clusters.cluster(3) as made, killing(made, 0) as killed:
        on(project, made, monkeypatch)
        print(f"{len(killed)} kills")
        assert len(killed) >= 10
    assert project.hashes() == alone.hashes()
