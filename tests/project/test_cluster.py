"""The whole pipeline on a cluster, as a user runs it: the hashes of a run without one."""

from __future__ import annotations

import os
import random
import re
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import pytest
from ruamel.yaml import YAML

from tests import clusters
from tests.projects import PARAMS, Project, edited

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
TRAINED = {
    "source": "game",
    "fit_translator": {
        "translator": "cyclegan", "segmenter": "none",
        "options": {"networks": {"width": 4, "blocks": 1, "discriminator": 4, "layers": 2}},
        "training": {"steps": 2, "log_every": 1,
                     "augment": {"crop_width": 32, "crop_height": 32}},
    },
    "translate": {},
    "evaluate_translation": {"model": "source", "adapted": "warm"},
}  # fmt: skip
BY_IMAGE = ("prepare", "source", "fit_translator", "translate", "infer", "pseudo_label", "evaluate",
            "panels", "gallery")  # fmt: skip
SEGUE = "from pipeline.commands import main; main()"  # its own copy's
BY_RANKS = ("pretrain", "warmup", "retrain")


def params() -> str:
    """A translator of each kind."""
    content = YAML(typ="safe").load(PARAMS)
    content["translations"]["trained"] = TRAINED
    text = StringIO()
    YAML().dump(content, text)
    return text.getvalue()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("alone"), params())
    made.repro()
    return made


def labelled(project: Project, *options: str) -> dict[str, bytes]:
    """What `segue label` makes of the target's images, by path."""
    given = ("models/round-2.pt", "data/raw/city/leftImg8bit", "labelled", *options)
    project.call("python", "-c", SEGUE, "label", *given, "--accelerator", "cpu")
    out = project.folder / "labelled"
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*.png")}


@contextmanager
def of(cluster: clusters.Cluster) -> Iterator[None]:
    """What runs meanwhile is its client."""
    with pytest.MonkeyPatch.context() as patch:
        for key, value in cluster.env.items():
            if key != "PYTHONPATH":  # its own copy of the code is in its folder
                patch.setenv(key, value)
        yield


def repro(project: Project, cluster: clusters.Cluster) -> set[str]:
    """The stages, without their items, that a `dvc repro` there ran."""
    with of(cluster), edited(project) as content:
        content["compute"]["cluster"] = cluster.address
        project.write_params(content)
        return {re.sub("@.*", "", name) for name in project.repro()}


@contextmanager
def killing(cluster: clusters.Cluster, seed: int) -> Iterator[Counter[str]]:
    """Kills a process that has work at random moments, up to twice in each stage; counts them."""
    rng, ended, killed = random.Random(seed), threading.Event(), Counter[str]()

    def kill() -> None:
        while not ended.wait(rng.uniform(0, 1.5)):
            stage, found = cluster.stage(), cluster.workers()
            if stage is not None and found and killed[stage] < 2:
                try:
                    os.kill(rng.choice(found), signal.SIGKILL)
                    killed[stage] += 1
                except ProcessLookupError:
                    continue

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("workers", [2, 3])
def test_any_number_of_workers_gives_the_hashes_of_none(workers, alone, tmp_path):
    project = Project(tmp_path / "project", params())
    with clusters.cluster(workers) as made:
        assert repro(project, made) >= {*BY_IMAGE, *BY_RANKS}
        assert project.hashes() == alone.hashes()
        with of(made):
            found = labelled(project, "--cluster", made.address)
    assert found == labelled(alone)
    assert len(found) == 20  # a label and an overlay of each
    assert project.repro() == []  # without the cluster nothing has changed


def test_twenty_kills_change_nothing(alone, tmp_path):
    project = Project(tmp_path / "project", params())
    with clusters.cluster(3) as made, killing(made, 0) as killed:
        repro(project, made)
    print(f"{killed.total()} kills: {dict(killed)}")
    assert killed.total() >= 20
    assert {stage.split()[0] for stage in killed} >= {*BY_RANKS, "infer", "pseudo_label"}
    assert project.hashes() == alone.hashes()
