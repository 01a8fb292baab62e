"""The head of a cluster is killed while a stage works there: one message, and nothing is lost."""

import os
import re
import shutil
import signal
import time
from contextlib import contextmanager

import pytest

from tests import clusters, processes

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
IMAGES = 200  # seven files of predictions
GIVEN = {"steps": 40, "infer": {"batch": 1, "scales": [0.5, 1.0, 2.0]}}
FINISHED = {"infer": "unfinished/infer/round/*/0*.parquet",
            "pretrain": "unfinished/pretrain/source/*/training.pt"}  # fmt: skip


@contextmanager
def started(folder):
    """A cluster on which the folder's stages work."""
    with clusters.cluster(2) as made, pytest.MonkeyPatch.context() as patch:
        for key, value in made.env.items():
            patch.setenv(key, value)
        processes.write_params(folder, compute={"cluster": made.address}, **GIVEN)
        yield made


def clear(folder):
    for name in processes.OUTPUTS:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


@pytest.mark.parametrize("stage", FINISHED)
def test_a_killed_head_is_one_message_and_a_later_run_goes_on(stage, scenes, tmp_path):
    processes.build(tmp_path, scenes, IMAGES, **GIVEN)
    code, said = processes.run(stage, tmp_path)
    assert code == 0, said
    expected = processes.outputs(tmp_path)
    clear(tmp_path)
    with started(tmp_path) as made:
        running = processes.start(stage, tmp_path)
        while not (found := sorted(tmp_path.glob(FINISHED[stage]))):
            assert running.poll() is None, running.stderr.read()
            time.sleep(0.01)
        finished, began = found[0].stat().st_ino, time.monotonic()
        for pid, command in made.processes():
            if "pipeline.stages" not in command:
                os.kill(pid, signal.SIGKILL)
        said = running.communicate(timeout=120)[1]
    assert time.monotonic() - began < 50  # Ray by itself needs more than a minute
    assert running.returncode == 1
    port = made.address.split(":")[1]  # Ray names the machine as it likes
    error = rf"error: compute.cluster: its head, \S+:{port}, has ended; start Ray again"
    assert re.match(error, said.strip().splitlines()[-1]), said
    assert said.count("error: ") == 1
    assert {*processes.outputs(tmp_path)} <= {"curve.csv"}  # which grows as it trains
    with started(tmp_path):
        code, said = processes.run(stage, tmp_path)
    assert code == 0, said
    assert processes.outputs(tmp_path) == expected
    if stage == "infer":
        assert (tmp_path / "found" / found[0].name).stat().st_ino == finished  # not made again
