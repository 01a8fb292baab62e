"""How many processes a run has: as many as params.yaml says, whatever a batch system sets.

This process has launched a run of its own (`fabric`), as a notebook may have.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN = """
from pipeline.runtime.compute import Compute
from pipeline.runtime.launch import launch

fabric = launch(Compute(accelerator="cpu", devices={devices}, precision="32-true"))
if fabric.is_global_zero:
    print("processes:", fabric.world_size)
"""
SLURM = {
    "SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "1", "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_NNODES": "1",
    "SLURM_JOB_NODELIST": "localhost",
}  # fmt: skip
ENVIRONMENTS = {
    "none": {},
    "a batch script of SLURM": SLURM,
    "of more tasks than are started": SLURM | {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2"},
    "of LSF": {"LSB_JOBID": "1", "LSB_DJOB_RANKFILE": "none", "JSM_NAMESPACE_LOCAL_RANK": "0",
               "JSM_NAMESPACE_SIZE": "1"},
    "what a launcher left": {"LOCAL_RANK": "1", "NODE_RANK": "1"},
    "of Kubeflow": {"KUBERNETES_PORT": "x", "MASTER_ADDR": "127.0.0.1", "WORLD_SIZE": "4",
                    "RANK": "0"},
}  # fmt: skip


ALL = {key: value for env in ENVIRONMENTS.values() for key, value in env.items()}


def launched(folder, devices, env):
    script = folder / "run.py"
    script.write_text(RUN.replace("{devices}", str(devices)))
    own = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **env}
    return subprocess.run([sys.executable, str(script)], env=own, text=True, timeout=120,
                          capture_output=True, check=False)  # fmt: skip


@pytest.mark.parametrize("devices", [1, 2])
def test_as_many_processes_as_devices_whatever_is_set(devices, tmp_path, fabric):
    done = launched(tmp_path, devices, ALL)
    assert f"processes: {devices}" in done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_two_devices_are_two_processes(name, tmp_path, fabric):
    done = launched(tmp_path, 2, ENVIRONMENTS[name])
    assert "processes: 2" in done.stdout, done.stderr
