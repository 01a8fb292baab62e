"""infer in shards, and after a kill: always the same folder, and nothing done twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.domain import artifacts
from pipeline.domain.taxonomy import resolve
from pipeline.model import model
from pipeline.model.recipe import Recipe
from pipeline.runtime import process
from pipeline.runtime.files import BadInput
from pipeline.stages import infer
from tests.rounds import small

ROOT = Path(__file__).parents[2]
IMAGES = 70  # three files
PATHS = ["r", "--teacher", "t.pt", "--target", "target.parquet", "--predictions", "out",
         "--unfinished", "unfinished"]  # fmt: skip


@pytest.fixture
def world(scenes, tmp_path, monkeypatch):
    """A folder with params, a teacher and a target index, as the current one."""
    target = scenes(IMAGES, name="target")
    artifacts.write_domain(tmp_path / "target.parquet", target, labelled=False)
    model.save(tmp_path / "t.pt", model.create(Recipe("small", resolve(["a", "b", "c"]),
                                                      {"width": 4}), 0))  # fmt: skip
    content = {
        "compute": {"accelerator": "cpu", "precision": "32-true", "threads": 1},
        "prepare": {"target": {"root": "."}},
        "infer": {"batch": 3, "stride": 4},
        "pretrain": {"source": {}},
        "rounds": {"r": {"teacher": "source", "start": "source", "infer": {}}},
    }
    YAML().dump(content, tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(monkeypatch, *more):
    monkeypatch.setattr(sys, "argv", ["infer", *PATHS, *more])
    infer.main()


def stored(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_any_number_of_shards_gives_the_same_folder(world, monkeypatch):
    run(monkeypatch)
    whole = stored(world / "out")
    assert sorted(whole) == ["00000.parquet", "00001.parquet", "00002.parquet"]
    for of in (2, 5):
        for which in range(of, 0, -1):
            run(monkeypatch, "--shard", f"{which}/{of}")
        assert stored(world / "out") == whole  # as it was: shards publish nothing
        left = {p.name: p.stat().st_ino for p in world.glob("unfinished/*/*")}
        run(monkeypatch)
        assert stored(world / "out") == whole
        assert {p.name: p.stat().st_ino for p in (world / "out").iterdir()} == left
        assert not list((world / "unfinished").iterdir())


@pytest.mark.parametrize("flip", [False, True])
def test_flips_are_counted_where_there_is_a_mirror_image(flip, target, fabric):
    given = infer.Params(flip=flip, stride=4, batch=3, compute={"accelerator": "cpu"})
    for found in infer.run(given, small(), target, fabric, [range(4)]):
        assert (found.flips is not None) == flip
        if flip:
            cells, unlike = found.flips
            assert sum(cells) == found.logits[0].size
            assert all(0 <= few <= many for many, few in zip(cells, unlike, strict=True))


def test_what_another_run_left_is_not_used(world, monkeypatch):
    run(monkeypatch)
    first = stored(world / "out")
    run(monkeypatch, "--shard", "1/1")
    other = model.create(Recipe("small", resolve(["a", "b", "c"]), {"width": 4}), 1)
    model.save(world / "t.pt", other)
    run(monkeypatch)
    assert sorted(stored(world / "out")) == sorted(first)
    assert all(found != first[name] for name, found in stored(world / "out").items())


@pytest.mark.parametrize("text", ["0/3", "4/3", "2", "a/b", "1/", "-1/2", "1/2/3"])
def test_a_shard_that_is_none_is_refused(text):
    with pytest.raises(BadInput, match=r"--shard .*2/5"):
        infer.shard(text)


def test_a_killed_run_goes_on_after_its_last_file(world, monkeypatch):
    run(monkeypatch)
    whole = stored(world / "out")
    command = [sys.executable, "-m", "pipeline.stages.infer", *PATHS]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(command, cwd=world, env=env, stderr=subprocess.DEVNULL)
    while not (made := list(world.glob("unfinished/*/*.parquet"))):
        assert running.poll() is None, "it ended before it was killed"
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert stored(world / "out") == whole, "a killed run touches nothing that was there"
    before = {path.name: path.stat().st_ino for path in made}
    subprocess.run(command, cwd=world, env=env, check=True, stderr=subprocess.DEVNULL)
    assert stored(world / "out") == whole
    assert all((world / "out" / name).stat().st_ino == inode for name, inode in before.items())


def test_options_are_words(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["x", "--a", "b/c", "--shard", "1/2"])
    found = process.paths("a", options=("shard",))
    assert (found.a, found.shard) == (Path("b/c"), "1/2")
