"""Stages as processes: paths, errors, locks, and death with the parent."""

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.domain import artifacts

ROOT = Path(artifacts.__file__).parents[2]
STAGE = """
import signal, sys
from pipeline.runtime import process
from pipeline.runtime.files import BadInput

def main():
    at = process.paths("source", "target_truth", item=True, optional=("labels",))
    if at.item == "bad":
        raise BadInput(f"{at.source}: is bad\\n{at.target_truth}: is worse")
    if at.item == "machine":
        raise OSError(5, "Input/output error", "x.png")
    if at.item == "reader":
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")
    if at.item == "broken":
        raise ValueError("a bug")
    print(at.item, at.source.name, at.target_truth.name, at.labels, flush=True)
    sys.stdin.read()

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
process.stage(main)
"""
PATHS = ("--source", "a/s.parquet", "--target-truth", "t.parquet")


@pytest.fixture(autouse=True)
def project(tmp_path):
    (tmp_path / "params.yaml").touch()


@pytest.fixture
def command(tmp_path):
    (tmp_path / "stage.py").write_text(STAGE)

    def words(*argv):
        return [sys.executable, str(tmp_path / "stage.py"), *argv]

    return words


@pytest.fixture
def start(command, tmp_path):
    """Starts a stage; what is left of it at the end is killed."""
    running = []

    def call(*argv, **env):
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command(*argv), cwd=tmp_path, stdin=pipe, stdout=pipe, stderr=pipe, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        )  # fmt: skip
        running.append(process)
        return process

    yield call
    for process in running:
        process.kill()
        process.communicate()


TORCHRUN = {"TORCHELASTIC_RUN_ID": "x"}


def ended(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_a_stage_reads_its_paths(start):
    assert ended(start("r1", *PATHS)) == (0, "r1 s.parquet t.parquet None\n", "")
    assert ended(start("r1", *PATHS, "--labels", "x"))[1] == "r1 s.parquet t.parquet x\n"


@pytest.mark.parametrize("argv", [(), ("r1", *PATHS, "--other", "x")])
def test_missing_and_unknown_paths_are_refused(argv, start):
    code, out, err = ended(start(*argv))
    assert (code, out) == (2, "")
    assert "Traceback" not in err


DVC = """
stages:
  stage:
    foreach: ${stage}
    do:
      cmd: python -m pipeline.stages.stage ${key}
      meta: {source: "data/sources/${item.source}/index.parquet", target_truth: data/truth.parquet,
             labels: "data/rounds/${key}/labels"}
"""


def test_what_is_not_given_lies_where_dvc_tracks_it(start, tmp_path):
    (tmp_path / "dvc.yaml").write_text(DVC)
    (tmp_path / "params.yaml").write_text("stage: {r1: {source: game}}\n")
    code, out, _ = ended(start("r1"))
    assert (code, out) == (0, "r1 index.parquet truth.parquet None\n")
    assert (
        ended(start("r1", *PATHS[2:], "--labels"))[1]
        == "r1 index.parquet t.parquet data/rounds/r1/labels\n"
    )


def test_an_item_that_params_do_not_have_is_named(start, tmp_path):
    (tmp_path / "dvc.yaml").write_text(DVC)
    (tmp_path / "params.yaml").write_text("stage: {r1: {source: game}}\n")
    code, out, err = ended(start("r2"))
    assert (code, out) == (1, "")
    assert err == "error: params.yaml: stage r2: has no such item; run segue check\n"


def test_what_dvc_yaml_does_not_have_is_to_be_named(start, tmp_path):
    (tmp_path / "dvc.yaml").write_text(DVC.replace("target_truth", "other"))
    (tmp_path / "params.yaml").write_text("stage: {r1: {source: game}}\n")
    code, out, err = ended(start("r1"))
    assert (code, out) == (2, "")
    assert "--target-truth: dvc.yaml says not where it lies; name it" in err


def test_bad_input_is_a_message_and_no_traceback(start):
    code, out, err = ended(start("bad", *PATHS))
    assert (code, out) == (1, "")
    assert err == "error: a/s.parquet: is bad\nt.parquet: is worse\n"


def test_an_error_of_the_machine_is_a_message_and_judges_no_file(start):
    code, out, err = ended(start("machine", *PATHS))
    assert (code, out) == (1, "")
    assert err.startswith("error: OSError: [Errno 5] Input/output error: 'x.png': the disk reports")
    assert "No file of the data was judged by it" in err
    assert err.count("\n") == 1


def test_a_reader_that_ends_while_a_batch_is_worked_on_is_told(start):
    """By a signal, amid any line of the work."""
    code, out, err = ended(start("reader", *PATHS))
    assert (code, out) == (1, "")
    assert err.startswith("error: a process that reads images has ended: DataLoader worker (pid 7)")
    assert err.count("\n") == 1


def test_ctrl_c_is_a_line_and_no_traceback(start):
    running = start("r1", *PATHS)
    assert running.stdout.readline()
    running.send_signal(signal.SIGINT)
    assert ended(running) == (130, "", "stopped; the next run goes on from here\n")


def test_a_stage_outside_a_project_is_refused_and_leaves_nothing(start, tmp_path):
    (tmp_path / "params.yaml").unlink()
    code, _, err = ended(start("r1", *PATHS))
    assert code == 1
    assert "params.yaml: no such file; run stages in the project's folder" in err
    assert [path.name for path in tmp_path.iterdir()] == ["stage.py"]


def test_a_bug_keeps_its_traceback(start):
    code, _, err = ended(start("broken", *PATHS))
    assert code == 1
    assert "Traceback" in err
    assert "a bug" in err


def test_a_stage_does_not_run_twice_at_once(start):
    first = start("r1", *PATHS)
    assert first.stdout.readline()
    code, out, err = ended(start("r1", *PATHS))
    assert (code, out) == (1, "")
    assert err.startswith("error: stage r1 --source")
    assert "already running" in err
    assert err.count("\n") == 1
    assert ended(start("r2", *PATHS))[0] == 0  # another item is another stage
    assert ended(start("r1", *PATHS, LOCAL_RANK="1", **TORCHRUN))[0] == 0  # a rank of the first
    assert (
        ended(start("r1", *PATHS, RANK="3", LOCAL_RANK="0", **TORCHRUN))[0] == 0
    )  # on another machine
    assert ended(start("r1", *PATHS, LOCAL_RANK="1"))[0] == 1  # left by somebody else
    assert ended(first)[0] == 0
    assert ended(start("r1", *PATHS))[0] == 0


def locks(folder):
    return [*(folder / ".dvc/tmp/segue").iterdir()]


def test_a_killed_stage_leaves_no_lock(start, tmp_path):
    first = start("r1", *PATHS)
    assert first.stdout.readline()
    first.kill()
    first.wait()
    assert len(locks(tmp_path)) == 1  # a file that binds nobody
    assert ended(start("r1", *PATHS))[0] == 0
    assert locks(tmp_path) == []


def test_locks_do_not_pile_up(start, tmp_path):
    for running in [start(item, *PATHS) for item in ("r1", "bad", "broken")]:
        ended(running)
    assert locks(tmp_path) == []


FORKS = """
import os, sys, time
from pipeline.runtime import process

def main():
    if not os.fork():  # as a loader's worker, for a while after its parent was killed
        time.sleep(60)
        os._exit(0)
    print("runs", flush=True)
    time.sleep(60)

sys.argv = ["stage.py", "r1"]
process.stage(main)
"""


def test_a_worker_that_outlives_its_stage_holds_no_lock(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    groups = []

    def fork():
        running = subprocess.Popen([sys.executable, "-c", FORKS], cwd=tmp_path, env=env, text=True,
                                   stdout=subprocess.PIPE, start_new_session=True)  # fmt: skip
        groups.append(running)
        return running

    try:
        first = fork()
        assert first.stdout.readline() == "runs\n"
        first.kill()
        first.wait()
        assert fork().stdout.readline() == "runs\n"
    finally:
        for running in groups:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            running.stdout.close()


WORKS = """
import multiprocessing, os, sys, time
from pipeline.runtime import process

def work():
    process.die_with_stage()
    os.write(1, b"works\\n")  # at once: two that print would mix
    time.sleep(600)

if __name__ == "__main__":
    workers = [multiprocessing.get_context(sys.argv[1]).Process(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    workers[0].join()
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_workers_end_with_a_killed_stage_however_they_were_started(method, tmp_path):
    (tmp_path / "works.py").write_text(WORKS)
    running = subprocess.Popen([sys.executable, "works.py", method], cwd=tmp_path, text=True,
                               env={**os.environ, "PYTHONPATH": str(ROOT)},
                               stdout=subprocess.PIPE, start_new_session=True)  # fmt: skip
    try:
        assert [running.stdout.readline() for _ in range(2)] == ["works\n"] * 2
        running.kill()
        running.wait()
        # each process that is left holds the pipe, and so whoever reads it
        assert select.select([running.stdout], [], [], 30)[0], "a worker is left"
    finally:
        running.kill()
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.communicate()


HOLDS = """
import os, sys
from pipeline.runtime import process

count = 0
while count < 100:  # not so many tries: all may pass while a holder waits for a processor
    sys.argv = ["stage.py", "r1"]
    try:
        with process._alone():
            open("inside", "x").close()
            os.unlink("inside")
            count += 1
    except process.BadInput:
        pass
"""


def test_never_two_hold_the_lock_while_it_is_made_and_removed(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = [subprocess.Popen([sys.executable, "-c", HOLDS], cwd=tmp_path, env=env, text=True,
                                stderr=subprocess.PIPE)
               for _ in range(3)]  # fmt: skip
    for process in running:
        assert process.wait(60) == 0, process.stderr.read()
        process.stderr.close()


PARENT = """
import subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=sys.stdin)
print(child.pid, flush=True)
child.wait()
"""


def test_a_stage_dies_with_its_parent(command, tmp_path):
    pipe = subprocess.PIPE
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *command("r1", *PATHS)], cwd=tmp_path, stdin=pipe,
        stdout=pipe, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        child = int(parent.stdout.readline())
        assert parent.stdout.readline().startswith("r1")  # main() runs
        os.kill(child, 0)
        parent.kill()
        assert parent.wait(10) == -signal.SIGKILL
        # the stage holds the pipe too, which ends with its last holder
        assert select.select([parent.stdout], [], [], 10)[0]
        assert parent.stdout.read() == ""
    finally:
        parent.stdin.close()  # a stage that lives on ends now


IMPORTED = """
from pipeline.runtime import process

class Work:
    pass

def main():
    print(Work.__module__)

if __name__ == "__main__":
    process.stage(main)
"""


def test_what_a_stage_sends_to_other_processes_can_be_imported_there(tmp_path):
    """A class of `__main__` cannot, and one with a cached property cannot be sent either."""
    (tmp_path / "told.py").write_text(IMPORTED)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-m", "told"], cwd=tmp_path, env=env, text=True,
                          capture_output=True, check=True)  # fmt: skip
    assert done.stdout == "told\n"
