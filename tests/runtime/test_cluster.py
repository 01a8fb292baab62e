"""Work on a Ray cluster that the tests start: results, order, and what happens when it fails."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline.runtime import cluster, work
from pipeline.runtime.compute import Compute
from pipeline.runtime.files import BadInput, write_bytes
from tests import clusters

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def joined():
    """A cluster of two CPUs, which this process is a client of."""
    with clusters.cluster(2) as made, pytest.MonkeyPatch.context() as patch:
        for key, value in made.env.items():
            patch.setenv(key, value)
        ray = cluster.join(made.address)
        yield made
        ray.shutdown()


def squares(total):
    """What counts i twice in place i % 10, and gives its square."""

    def one(i, counts):
        counts[0, i % 10] += 2
        return i * i, os.getpid()

    return one


@pytest.mark.parametrize("count", [0, 1, 50])
def test_results_and_counts_are_those_of_one_machine(count, joined):
    found = []
    for where in (None, joined.address):
        total = np.zeros((1, 10), np.int64)
        results = list(work.counted(squares(total), range(count), total, where))
        found.append((total.tolist(), [square for square, _ in results]))
        if count == 50:
            processes = {pid for _, pid in results}
            assert processes == {os.getpid()} if where is None else os.getpid() not in processes
    assert found[0] == found[1]
    each = list(work.each(lambda i: i + 1, range(count), joined.address))
    assert each == [i + 1 for i in range(count)]


def test_what_work_raises_is_raised_as_it_is(joined, tmp_path):
    def bad(i):
        if i == 17:
            raise BadInput(f"{i}.png: is no image; replace it")
        return i

    with pytest.raises(BadInput, match=r"^17.png: is no image; replace it$"):
        list(work.each(bad, range(40), joined.address))
    with pytest.raises(MemoryError):
        list(work.each(lambda _: np.empty(1 << 60, np.uint8), range(1), joined.address))
    assert list(work.each(abs, range(3), joined.address)) == [0, 1, 2]  # it goes on


class Slow:
    """Writes a file for each thing; says which process did."""

    def __init__(self, folder):
        self.folder, self.loaded = folder, []

    def __call__(self, i):
        self.loaded.append(i)
        write_bytes(self.folder / f"{i}", b"x" * 100_000)
        time.sleep(0.02)
        return os.getpid()


def test_a_killed_process_loses_nothing_and_leaves_no_half_file(joined, tmp_path):
    found = []
    killed = set()
    for pid in work.each(Slow(tmp_path), range(160), joined.address):
        found.append(pid)
        if len(killed) < 3 and len(found) % 20 == 10:
            for one in [other for other in joined.workers() if other not in killed][:1]:
                os.kill(one, signal.SIGKILL)
                killed.add(one)
    assert len(killed) == 3
    work.sweep([tmp_path])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(map(str, range(160)))
    assert all(path.stat().st_size == 100_000 for path in tmp_path.iterdir())


def test_actors_keep_what_they_loaded_and_begin_again_where_one_is_killed(joined, tmp_path):
    compute = Compute(accelerator="cpu", threads=1, cluster=joined.address)
    killed = []
    found = []
    for pid in cluster.actors(Slow(tmp_path), range(60), compute):
        found.append(pid)
        if len(found) == 20:
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)
    assert len(found) == 60
    assert 2 <= len({*found}) <= 3
    assert len([*tmp_path.iterdir()]) == 60


def test_work_that_always_ends_its_process_is_one_error(joined):
    def fatal(i):
        if i == 3:
            os._exit(1)
        return i

    with pytest.raises(BadInput, match=r"compute.cluster: a process of it ended, .* 5 more"):
        list(work.each(fatal, range(5), joined.address))


def test_a_path_is_of_the_projects_folder(joined, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert set(work.each(lambda _: str(Path.cwd()), range(4), joined.address)) == {str(tmp_path)}


# --- memory ----------------------------------------------------------------------------------

HUNGRY = """
import sys, time
from pathlib import Path
import numpy as np
from pipeline.runtime import process, work

always = int(sys.argv[2])

def one(i):
    tries = Path(f"tries-{i}")
    if i == 3 and not tries.exists() or i == always:
        with tries.open("a") as file:
            file.write("x")
        held = [np.ones(50 << 20, np.uint8) for _ in range(60)]
        time.sleep(10)
    return i * i

def main():
    print(list(work.each(one, range(20), sys.argv[1])))

process.stage(main)
"""


def test_what_runs_out_of_memory_is_done_again_and_else_one_error(tmp_path):
    """Ray kills what is the largest where the machine is nearly full, here from 1.5 GB more on."""
    said = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total, free = (int(said[key].split()[0]) for key in ("MemTotal", "MemAvailable"))
    limit = {"RAY_memory_usage_threshold": str((total - free + 1.5e6) / total),
             "RAY_memory_monitor_refresh_ms": "100"}  # fmt: skip
    (tmp_path / "params.yaml").touch()
    with clusters.cluster(2, **limit) as made:
        env = {**os.environ, **made.env, "RAY_task_oom_retry_delay_base_ms": "1"}
        done = []
        for always in ("-1", "5"):
            command = [sys.executable, "-c", HUNGRY, made.address, always]
            done.append(subprocess.run(command, env=env, cwd=tmp_path, text=True, timeout=300,
                                       capture_output=True, check=False))  # fmt: skip
    once, never = done
    assert once.returncode == 0, once.stderr
    assert f"{[i * i for i in range(20)]}" in once.stdout.splitlines()  # Ray's own are there too
    assert (tmp_path / "tries-3").read_text() == "x"
    assert never.returncode == 1
    assert (tmp_path / "tries-5").read_text() == "x" * 6
    error = never.stderr.strip().splitlines()[-1]
    assert error.startswith("error: compute.cluster: a process of it ended, and so did 5 more")
    assert "OutOfMemoryError" in error
    assert "start Ray with fewer CPUs (--num-cpus); then run it again" in error


# --- who may come ----------------------------------------------------------------------------

JOIN = """
import sys
from pipeline.runtime import cluster
from pipeline.runtime.files import BadInput
try:
    print(sorted(cluster.join(sys.argv[1]).cluster_resources())[:1])
except BadInput as error:
    sys.exit(f"error: {error}")
"""


def client(address, **env):
    """Code, and what a process says that wants to join."""
    command = [sys.executable, "-c", JOIN, address]
    own = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    done = subprocess.run(command, env={**own, "PYTHONPATH": str(clusters.ROOT), **env}, text=True,
                          capture_output=True, timeout=240, check=False)  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_a_client_needs_the_token(joined, tmp_path):
    """Whatever it asks for: the mode is set by us, on its side as on the cluster's."""
    wrong = tmp_path / "token"
    wrong.write_text("f" * 64)
    given = joined.env["RAY_AUTH_TOKEN_PATH"]
    code, said = client(joined.address, RAY_AUTH_MODE="disabled", RAY_AUTH_TOKEN_PATH=given)
    assert (code, "'CPU'" in said) == (0, True), said
    for env in ({"RAY_AUTH_TOKEN_PATH": str(wrong)}, {"HOME": str(tmp_path)}):
        code, said = client(joined.address, **env)
        assert code == 1
        assert f"compute.cluster = {joined.address}: the cluster's token is missing here" in said
    plain = "import ray, sys; ray.init(sys.argv[1])"  # without any code of ours
    done = subprocess.run([sys.executable, "-c", plain, joined.address], text=True, check=False,
                          env={**os.environ, "RAY_AUTH_MODE": "disabled"}, timeout=240,
                          capture_output=True)  # fmt: skip
    assert done.returncode == 1
    assert "Authentication token is missing or incorrect" in done.stderr
