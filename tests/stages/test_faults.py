"""A full disk, a folder that is none, a reader that dies: one clear line, and nothing is lost."""

import errno
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, UnidentifiedImageError

from pipeline.checks import candidates, inspection
from pipeline.domain import artifacts, pictures
from pipeline.domain.pixels import Coding
from pipeline.inference import publishing
from pipeline.model import model
from pipeline.runtime import parts, progress, resume
from pipeline.runtime.files import BadInput, readable, write_json
from pipeline.runtime.params import Section
from pipeline.runtime.progress import Curve
from pipeline.training.checkpoint import Checkpoint
from tests import processes, worlds
from tests.memory import Memory
from tests.rounds import THREE, predictions_of, small

NOISE = np.random.default_rng(0).integers(0, 256, (200, 200), np.uint8)
TABLE = pd.DataFrame({"x": NOISE.reshape(-1).astype(float)})
LIMIT = 4096  # bytes, of which each of these takes more


def curve(path):
    made = Curve(path, 1000, 1, lambda *_: None)
    for step in range(1000):
        made(step, {"loss": step / 7})


def folder_of_predictions(path):
    predictions_of(Memory(40), path, classes=9)


WRITERS = {
    "x.parquet": lambda path: artifacts.write_table(path, TABLE),
    "x.csv": lambda path: artifacts.write_table(path, TABLE),
    "x.json": lambda path: write_json(path, NOISE.tolist()),
    "x.npy": lambda path: artifacts.write_array(path, NOISE),
    "label.png": lambda path: pictures.write_label(path, NOISE, THREE.colours),
    "picture.png": lambda path: pictures.write_image(path, Image.fromarray(NOISE)),
    "x.pt": lambda path: model.save(path, small()),
    "curve.csv": curve,
    "predictions": folder_of_predictions,
}


def _write(name, folder, limit):
    """In a fork: writes, and says how that failed."""
    import resource

    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        WRITERS[name](folder / name)
    except BadInput as error:
        (folder / "told").write_text(str(error))
        raise SystemExit(1) from error


def written(name, folder, limit=None):
    running = processes.SERVER.Process(target=_write, args=(name, folder, limit))
    running.start()
    running.join(120)
    return running.exitcode


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*") if path.is_file() and path.name != "told"}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_told_and_leaves_what_was_there(name, tmp_path):
    assert written(name, tmp_path, LIMIT) == 1
    told = (tmp_path / "told").read_text()
    assert f"{tmp_path / name}" in told
    assert "cannot be written: " in told
    assert "File too large" in told
    assert name == "curve.csv" or contents(tmp_path) == {}
    assert written(name, tmp_path) == 0  # with room again
    before = contents(tmp_path)
    assert max(map(len, before.values())) > LIMIT
    if name != "curve.csv":  # which grows as it is watched
        assert written(name, tmp_path, LIMIT) == 1
        assert contents(tmp_path) == before


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "curve.csv"])
def test_a_file_where_the_folder_should_be_is_told(name, tmp_path):
    """As a folder without the right to write, which root has everywhere."""
    (tmp_path / "data").write_bytes(b"mine")
    with pytest.raises(
        BadInput, match=r"data/.*: cannot be written: .*(Not a directory|File exists)"
    ):
        WRITERS[name](tmp_path / "data" / name)
    assert (tmp_path / "data").read_bytes() == b"mine"


# --- as stages -----------------------------------------------------------------------------


def end(stage, folder, limit=None):
    return processes.ended(processes.fork(stage, folder, limit), folder)


@pytest.mark.parametrize("stage", processes.STAGES)
def test_a_stage_on_a_full_disk_ends_with_one_line_and_is_run_again(stage, scenes, tmp_path):
    processes.build(tmp_path, scenes, steps=4)
    before = contents(tmp_path)
    code, told = end(stage, tmp_path, limit=5000)  # for told, but no model
    assert code == 1
    assert "Traceback" not in told
    (line,) = (line for line in told.splitlines() if line.startswith("error: "))
    assert "cannot be written: " in line
    assert "File too large" in line
    now = contents(tmp_path)
    assert {name: now[name] for name in before} == before
    assert end(stage, tmp_path)[0] == 0


@pytest.mark.parametrize("place", ["unfinished", ".dvc"])
@pytest.mark.parametrize("stage", processes.STAGES)
def test_a_file_where_a_stage_keeps_its_own_is_told(stage, place, scenes, tmp_path):
    processes.build(tmp_path, scenes)
    (tmp_path / place).write_bytes(b"mine")
    before = contents(tmp_path)
    code, told = end(stage, tmp_path)
    assert code == 1
    assert "Traceback" not in told
    assert f"error: {place}/" in told
    assert "cannot be written: " in told
    now = contents(tmp_path)
    assert {name: now[name] for name in before} == before
    assert not now.keys() & {"made.pt", "found/00000.parquet"}


def test_training_outlives_a_disk_too_full_for_its_checkpoints(scenes, tmp_path):
    processes.build(tmp_path, scenes, steps=3)
    assert end("pretrain", tmp_path)[0] == 0
    whole = processes.outputs(tmp_path)
    code, told = end("pretrain", tmp_path, limit=len(whole["made.pt"]) + 10_000)
    assert code == 0
    assert told.count("training goes on without") == 3
    assert processes.outputs(tmp_path) == whole


def test_a_reader_that_dies_is_told_and_the_next_run_goes_on(scenes, tmp_path):
    processes.build(tmp_path, scenes, steps=25, compute={"workers": 1})
    assert end("pretrain", tmp_path)[0] == 0
    whole = processes.outputs(tmp_path)
    (tmp_path / "made.pt").unlink()
    running = processes.fork("pretrain", tmp_path)
    while not [*tmp_path.glob("unfinished/*/*/*/training.pt")]:
        assert running.is_alive()
        time.sleep(0.002)
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    assert len(children) == 1
    os.kill(int(children[0]), signal.SIGKILL)
    code, told = processes.ended(running, tmp_path)
    assert code == 1
    assert "error: a process that reads images has ended: " in told  # in one of several ways
    assert "lower compute.workers" in told
    assert "Traceback" not in told
    assert end("pretrain", tmp_path)[0] == 0
    assert processes.outputs(tmp_path) == whole


@pytest.mark.parametrize("stage", ["pretrain", "infer"])
def test_a_killed_stage_leaves_no_reader(stage, scenes, tmp_path):
    """By forkserver, where a reader's parent is not the stage."""
    processes.build(tmp_path, scenes, images=100, steps=1000, compute={"workers": 1})
    running = processes.fork(stage, tmp_path, method="forkserver")
    while not processes.unfinished(tmp_path):
        assert running.is_alive()
        time.sleep(0.01)
    assert len(processes.processes(tmp_path)) > 1
    running.kill()
    running.join()
    assert processes.left(tmp_path) == []


def test_predictions_are_published_whole_or_not_at_all(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made/00000.parquet").write_bytes(b"x")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/old.parquet").write_bytes(b"old")
    names = ["00000.parquet", "00001.parquet"]
    with pytest.raises(BadInput, match=r"00001\.parquet: is not there \(1 files in all\)"):
        publishing.publish(tmp_path / "made", tmp_path / "out", names)
    assert contents(tmp_path / "out") == {"old.parquet": b"old"}


def test_predictions_are_published_from_another_file_system(tmp_path, monkeypatch):
    made, out = tmp_path / "made", tmp_path / "out"
    made.mkdir()
    (made / "00000.parquet").write_bytes(b"x")
    replace = os.replace

    def only_here(old, new):
        if Path(old) == made:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        assert made.exists()  # a kill here loses nothing
        replace(old, new)

    monkeypatch.setattr("os.replace", only_here)
    publishing.publish(made, out, ["00000.parquet"])
    assert contents(tmp_path) == {"out/00000.parquet": b"x"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), MemoryError()])
def test_an_error_of_the_machine_makes_no_smaller_data_set(error, tmp_path, monkeypatch):
    """It stops the run; what was wrong with the file would only be refused."""
    worlds.folder(tmp_path, 3)
    dataset = parts.build("datasets", "folder", {}, root=tmp_path, classes=THREE)
    coding = Coding(THREE.ids(dataset.values), dataset.encoding)
    found = [candidates.Candidates("target", tmp_path, dataset.pairs(), coding)]
    assert len(inspection.inspect(found).good["target"]) == 3
    read = Image.open

    def opened(path, *args, **kwargs):
        if "field.1" in str(path):
            raise error
        return read(path, *args, **kwargs)

    monkeypatch.setattr(Image, "open", opened)
    with pytest.raises(type(error)):
        inspection.inspect(found)
    monkeypatch.setattr(candidates, "read_image", unidentified)
    assert len(inspection.inspect(found).refused) == 3


def unidentified(path):
    with readable(path, "an image"):
        raise UnidentifiedImageError("cannot identify")  # an OSError too


def test_only_what_interrupted_runs_left_is_deleted(tmp_path):
    """Whatever --unfinished names, as data instead of data/unfinished."""
    (tmp_path / "data/raw").mkdir(parents=True)
    (tmp_path / "data/raw/x.png").write_bytes(b"mine")
    (tmp_path / "data/0123456789abcdef").mkdir()
    first = resume.folder(tmp_path / "data", [], Section())
    assert {path.name for path in (tmp_path / "data").iterdir()} == {"raw", first.name}
    other = resume.folder(tmp_path / "data", [tmp_path / "data/raw"], Section(), alone=False)
    assert first.exists()  # a shard's, of another machine
    kept = Checkpoint(tmp_path / "data", [], Section())
    kept.load({})
    assert not other.exists()
    kept.remove()
    assert contents(tmp_path) == {"data/raw/x.png": b"mine"}
    resume.done(resume.folder(tmp_path / "unfinished", [], Section()))
    assert not (tmp_path / "unfinished").exists()


def test_a_curve_stays_until_the_next_one_has_a_step(tmp_path):
    path = tmp_path / "curve.csv"
    path.write_text("old")
    with pytest.raises(BadInput), progress.curve(path, "x", 1, 1):
        raise BadInput("no weights")
    assert path.read_text() == "old"
    with progress.curve(path, "x", 1, 1) as log:
        log(0, {"loss": 1.0})
    assert path.read_text() == "step,loss\n1,1\n"
    with progress.curve(path, "x", 0, 1):
        pass
    assert path.read_text() == ""  # a model that no step trained


def test_a_damaged_entry_of_dvcs_cache_is_made_again_once_it_is_deleted(tmp_path):
    """A stage of its own, since what is shown is DVC's, which checks a damaged entry out."""

    def dvc(*words):
        env = {**os.environ, "DVC_NO_ANALYTICS": "1"}
        done = subprocess.run(["dvc", *words], cwd=tmp_path, env=env, text=True, check=False,
                              capture_output=True)  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    dvc("init", "--no-scm", "--quiet")
    dvc("config", "cache.type", "copy")
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n  make: {cmd: seq 1000 > out.txt, outs: [out.txt]}\n"
    )
    dvc("repro")
    whole = (tmp_path / "out.txt").read_bytes()
    (entry,) = (tmp_path / ".dvc/cache/files/md5").glob("*/*")
    entry.chmod(0o644)
    entry.write_bytes(b"2" + whole[1:])
    (tmp_path / "out.txt").unlink()
    dvc("checkout")
    assert (tmp_path / "out.txt").read_bytes() != whole  # DVC says nothing: docs/reliability.md
    entry.unlink()
    (tmp_path / "out.txt").unlink()
    assert "Running stage 'make'" in dvc("repro")
    assert (tmp_path / "out.txt").read_bytes() == whole
