"""Ranks under Ray Train: torchrun's weights, and a run that goes on where one is killed."""

import os
import signal
import sys
import time

import pytest

from tests import clusters, processes

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone")


@pytest.fixture(scope="module")
def started():
    with clusters.cluster(3) as made:
        yield made


@pytest.fixture
def on(started, monkeypatch):
    """Params of a run by two ranks there."""
    for key, value in started.env.items():
        monkeypatch.setenv(key, value)
    return {"devices": 2, "cluster": started.address}


def clear(folder):
    for path in (folder / "made.pt", folder / "curve.csv"):
        path.unlink()


@pytest.mark.parametrize("stage", ["pretrain", "warmup", "retrain"])
def test_weights_and_curve_are_torchruns_though_a_rank_is_killed(
    stage, started, on, scenes, tmp_path
):
    processes.build(tmp_path, scenes, steps=12)
    code, said = processes.run(stage, tmp_path, *TORCHRUN)
    assert code == 0, said
    expected = processes.outputs(tmp_path)
    assert sorted(expected) == ["curve.csv", "made.pt"]
    clear(tmp_path)

    processes.write_params(tmp_path, steps=12, compute=on)
    running = processes.start(stage, tmp_path)
    while not (found := [*tmp_path.glob("unfinished/*/*/*/training.pt")]):
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.005)
    ranks = [pid for pid, name in started.processes() if "RayTrainWorker" in name]
    os.kill(ranks[-1], signal.SIGKILL)
    said = running.communicate(timeout=600)[1]
    assert running.returncode == 0, said
    assert "a process of the training ended; it goes on from its checkpoint" in said
    assert "100 % (12 of 12)" in said
    assert found[0].exists() is False  # the last run removed it
    assert processes.outputs(tmp_path) == expected
    assert [*tmp_path.glob(".dvc/tmp/segue/ray/*")] == []


def test_what_is_wrong_is_said_once_and_not_tried_again(on, scenes, tmp_path):
    processes.build(tmp_path, scenes, steps=2, compute=on, training={"batch": 3})
    code, said = processes.run("pretrain", tmp_path)
    assert code == 1
    assert said.strip().splitlines()[-1].startswith("error: ")
    assert "goes on from its checkpoint" not in said


def test_more_ranks_than_there_is_room_for_are_refused(on, scenes, tmp_path):
    processes.build(tmp_path, scenes, steps=2, compute=on | {"devices": 4})
    code, said = processes.run("pretrain", tmp_path)
    assert code == 1
    assert "compute.devices = 4: the cluster has room for 3" in said
