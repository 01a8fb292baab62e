"""Work by image without a cluster: nothing of Ray is needed, and messages say what is."""

import os
import socket
import subprocess
import sys

import pytest
from pydantic import ValidationError

from pipeline.runtime import cluster_head, work
from pipeline.runtime.compute import UNTRACKED, Compute
from tests.clusters import ROOT

STAGES = """
import sys
sys.modules["ray"] = None  # an import of it fails
import pipeline.commands.label
import pipeline.stages.evaluate, pipeline.stages.infer, pipeline.stages.retrain
from pipeline.runtime import work
from pipeline.runtime.compute import Compute
from pipeline.runtime.launch import launch
launch(Compute(accelerator="cpu"))
assert list(work.each(abs, [-1, 2])) == [1, 2]
assert not [name for name in sys.modules if name.split(".")[0] == "ray" and sys.modules[name]]
list(work.each(abs, [-1, 2], "127.0.0.1:6379"))
"""


def test_without_the_setting_nothing_of_ray_is_imported_and_with_it_the_extra_is_named():
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", STAGES], env=env, text=True, capture_output=True,
                          timeout=240, check=False)  # fmt: skip
    last = done.stderr.strip().splitlines()[-1]
    assert "compute.cluster = 127.0.0.1:6379: needs Ray" in last
    assert "pip install --constraint requirements.txt -e '.[cluster]'" in last


@pytest.mark.parametrize("text", ["ray://head:10001", "head", "local", "head:port", ""])
def test_what_is_no_address_of_a_cluster_is_refused(text):
    with pytest.raises(ValidationError, match="cluster"):
        Compute(cluster=text)


def test_an_address_changes_no_result():
    assert "cluster" in UNTRACKED
    assert Compute(cluster="head:6379").cluster == "head:6379"


def test_nothing_that_listens_is_told_at_once():
    """Ray by itself would try for minutes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            cluster_head.reach(f"127.0.0.1:{free.getsockname()[1]}")


def test_a_half_written_file_of_a_process_that_ended_is_removed(tmp_path):
    (tmp_path / "a").mkdir()
    kept, left = tmp_path / "a/b.png", tmp_path / "a/.b.png.host.7.partial"
    for path in (kept, left):
        path.touch()
    work.sweep([tmp_path, tmp_path / "absent"])
    assert kept.exists()
    assert not left.exists()
