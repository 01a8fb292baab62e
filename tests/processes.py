"""A tiny world on disk in which any stage that has a network runs as its own process."""

import importlib
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from pipeline.domain import artifacts
from pipeline.model import model
from pipeline.model.recipe import Recipe
from pipeline.runtime import process
from pipeline.runtime.contents import overlay
from pipeline.training.discriminators import Discriminator
from tests.rounds import HEIGHT, THREE, WIDTH, predictions_of, without_label, write_labels

ROOT = Path(__file__).parents[1]
MADE = {"model": "made.pt", "curve": "curve.csv"}
PRETRAIN = ("pretrain", "source", {"source": "source.parquet", "taxonomy": "taxonomy.json", **MADE})
WARMUP = ("warmup", "warm", {"initial": "start.pt", "source": "source.parquet",
                             "target": "target.parquet", "shares": "shares.parquet",
                             **MADE})  # fmt: skip
RETRAIN = ("retrain", "round", {
    "initial": "start.pt", "source": "source.parquet", "target": "target.parquet",
    "labels": "labels", "split": "split.parquet", "predictions": "predictions",
    "corrections": "corrections",
    "thresholds": "thresholds.parquet", **MADE,
})  # fmt: skip
INFER = ("infer", "round", {"teacher": "start.pt", "target": "target.parquet",
                            "predictions": "found"})  # fmt: skip
STAGES = {name: (name, item, paths) for name, item, paths in (PRETRAIN, WARMUP, RETRAIN, INFER)}
OUTPUTS = ("made.pt", "curve.csv", "found")


def params(steps=4, **changes):
    """The whole params.yaml; `changes` lie over it."""
    content = {
        "seed": 1,
        "compute": {"accelerator": "cpu", "precision": "32-true", "threads": 1,
                    "checkpoint_minutes": 0},
        "prepare": {"target": {"root": "."}},
        "source": {"game": {"root": "."}, "drawn": {"root": "."}},
        "network": {"name": "small", "options": {"width": 4}},
        "training": {"batch": 4, "log_every": 3, "augment": {"crop_width": 32, "crop_height": 32}},
        "pretrain": {"source": {"steps": steps}},
        "warmup": {"warm": {"from": "source", "objective": "advent", "steps": steps,
                            "options": {"width": 4}}},
        "infer": {"batch": 3, "stride": 4},
        "retrain": {"steps": steps, "batch": 8, "source_share": 0.25, "hard_share": 0.25},
        "rounds": {"round": {
            "teacher": "source", "start": "source", "infer": {},
            "pseudo_label": {"labeler": "tpld", "portion": 0.5},
            "split": {"ranker": "entropy", "easy": 0.5},
            "retrain": {"objective": "tpld", "options": {"dense": True}, "use": "easy"},
        }},
    }  # fmt: skip
    return overlay(content, changes)


def write_params(folder, **given):
    YAML().dump(params(**given), folder / "params.yaml")


def build(folder, scenes, images=10, **given):
    """What all four stages read, below `folder`, the root of the `scenes`."""
    write_params(folder, **given)
    target = scenes(images, name="target")
    sources = {"game": scenes(6, name="source"), "drawn": scenes(2, name="drawn")}
    artifacts.write_sources(folder / "source.parquet", sources)
    artifacts.write_domain(folder / "target.parquet", without_label(target), labelled=False)
    artifacts.write_taxonomy(folder / "taxonomy.json", THREE)
    shares = pd.DataFrame({name: [1 / 3] * 6 for name in THREE.names})
    artifacts.write_table(folder / "shares.parquet", shares)
    model.save(folder / "start.pt", model.create(Recipe("small", THREE, {"width": 4}), 0))
    predictions_of(target, folder / "predictions")
    rng = np.random.default_rng(0)
    labels = {s.name: rng.choice([0, 1, 2, 255], (HEIGHT, WIDTH)).astype(np.uint8)
              for s in target.samples}  # fmt: skip
    write_labels(folder / "labels", labels)
    (folder / "corrections").mkdir()
    names = [sample.image for sample in target.samples]
    subset = ["easy" if index % 2 else "hard" for index in range(images)]
    artifacts.write_table(folder / "split.parquet", pd.DataFrame({
        "image": names, "score": 0.0, "rank": range(images), "subset": subset,
    }))  # fmt: skip
    artifacts.write_table(folder / "thresholds.parquet", pd.DataFrame({
        "class": THREE.names, "k": [0.1, 0.5, 0.0], "predicted": [9, 9, 9],
    }))  # fmt: skip


def words(stage):
    """The arguments of a stage."""
    name, item, paths = STAGES[stage]
    given = [word for key, path in paths.items() for word in (f"--{key}", path)]
    return [item, *given, "--unfinished", f"unfinished/{name}/{item}"]


def start(stage, folder, *launcher):
    """The stage as a process of its own, by Python or by a `launcher` such as torchrun."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [*(launcher or (sys.executable,)), "-m", f"pipeline.stages.{stage}", *words(stage)]
    return subprocess.Popen(command, cwd=folder, env=env, text=True, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE)  # fmt: skip


def run(stage, folder, *launcher):
    """Code and stderr of the stage, at its end."""
    running = start(stage, folder, *launcher)
    try:
        told = running.communicate(timeout=600)[1]
    finally:
        running.terminate()  # one that hangs, with its other processes
    return running.returncode, told


SERVER = get_context("forkserver")
"""Processes that are forks of one with the libraries, and start in no time."""
SERVER.set_forkserver_preload([f"pipeline.stages.{name}" for name in STAGES])


def fork(stage, folder, limit=None, method=None):
    """The stage as a fork of a process that has its libraries; stderr is `folder`/told.

    `limit` is the size in bytes that no file of it can exceed; `method` is how the stage starts
    processes, as multiprocessing calls it.
    """
    running = SERVER.Process(target=in_place, args=(stage, folder, limit, method))
    running.start()
    return running


def in_place(stage, folder, limit=None, method=None, told="told"):
    """The stage in this process, with a discriminator whose checkpoints are small."""
    # None: Python's default, as of a stage by itself; a fork of SERVER has SERVER's
    multiprocessing.set_start_method(method, force=True)
    Discriminator.__init__.__defaults__ = (4,)
    os.chdir(folder)
    os.dup2(os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    sys.argv = [stage, *words(stage)]
    module = importlib.import_module(f"pipeline.stages.{stage}")
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    process.stage(module.main)


def ended(running, folder):
    """Code and stderr of a fork, at its end."""
    running.join(600)
    return running.exitcode, (folder / "told").read_text()


def unfinished(folder):
    """What a run can go on from: no file that was being written."""
    walk = os.walk(folder / "unfinished")  # which bears that a stage removes folders meanwhile
    return [Path(base, name) for base, _, names in walk for name in names
            if not name.endswith(".partial")]  # fmt: skip


def processes(folder):
    """The ids of those that run in `folder`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == folder:
                found.append(int(entry.name))
        except OSError:  # it has ended
            continue
    return found


def left(folder):
    """Processes that do not end by themselves within half a minute; they are killed."""
    until = time.monotonic() + 30
    while (found := processes(folder)) and time.monotonic() < until:
        time.sleep(0.05)
    for one in found:
        os.kill(one, signal.SIGKILL)
    return found


def outputs(folder):
    """Each file that a stage leaves, by its path."""
    found = [path for name in OUTPUTS for path in (folder / name, *(folder / name).glob("*"))]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found
            if path.is_file()}  # fmt: skip
