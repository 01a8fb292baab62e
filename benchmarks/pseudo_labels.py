"""Pseudo-labels: time, exactness, disk and memory, against other ways to make them.

    make bench

prints a table and writes benchmarks/results/pseudo_labels.json. Needs a machine with nothing else
to do, and 8 GB of memory-backed storage (/dev/shm, else the folder for temporary files).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import torch
from exactness import exactness, rounding
from loading import retraining
from measuring import CLASSES, PORTION, SIZES, UNIFORM, Rows, World, build, medians
from others import Array, plain_torch, public
from rich.console import Console
from rich.table import Table
from rows import FOLDER, ROOT
from ruamel.yaml import YAML

from pipeline.domain import artifacts, pictures
from pipeline.domain.samples import Domain, Sample
from pipeline.domain.taxonomy import CITYSCAPES
from pipeline.evaluation.scores import Confusion
from pipeline.inference import labelling, predict, predictions
from pipeline.inference.predictions import Prediction, Predictions
from pipeline.model.grids import resample
from pipeline.stages import pseudo_label

RESULTS = FOLDER / "pseudo_labels.json"


def speed(world: World) -> Rows:
    """Both passes, labels and PNGs, without the network, beside two other ways."""
    for size, count in (("512x1024", 32), ("1024x2048", 16)):
        stored = world.predictions(size, count)
        given = [replace(p, image=p.image.replace("/", "_")) for p in stored]
        with tempfile.TemporaryDirectory(dir=world.folder) as name:
            out = Path(name)
            took = medians({
                "segue": lambda stored=stored, out=out: ours(stored, out),
                "plain torch": lambda stored=stored, out=out: plain_torch(stored, PORTION, out),
                "public": lambda given=given, out=out: public(given, PORTION, out),
            })  # fmt: skip
        for name, seconds in took.items():
            yield f"{size}: ms an image, {name}", 1000 * seconds / count
        yield f"{size}: times faster than the public procedure", took["public"] / took["segue"]
        yield f"{size}: times faster than plain torch", took["plain torch"] / took["segue"]


def ours(stored: Predictions, folder: Path) -> None:
    """What the stage does."""

    def write(name: str, made: labelling.Made) -> None:
        pictures.write_label(folder / f"{name}.png", made.labels, CITYSCAPES.colours)

    params = pseudo_label.Params(labeler="cbst", portion=PORTION)
    pseudo_label.run(params, stored, {}, CITYSCAPES, UNIFORM, write)


def disk(world: World) -> Rows:
    """Bytes of predictions, stride 8."""
    world.predictions("1024x2048", 16)
    size = sum(path.stat().st_size for path in (world.folder / "1024x2048-16").iterdir())
    yield "1024x2048: MB of predictions an image", size / 16 / 1e6


def growth(world: World) -> Rows:
    """The stage by itself, as a process, over more and more images of 1024x2048."""
    given = list(world.predictions("1024x2048", 16))
    peaks = {}
    for count in (100, 300, 1000):
        with tempfile.TemporaryDirectory(dir=world.folder) as name:
            project = Path(name)
            names = [f"{i:06d}.png" for i in range(count)]
            found = (replace(given[i % 16], image=name) for i, name in enumerate(names))
            predictions.write(project / "p", predictions.files(count), found)
            seconds, peaks[count] = stage(project, names)
            yield f"1024x2048: s for {count} images, the stage as a process", seconds
            yield f"1024x2048: MB at most, {count} images", peaks[count]
    yield "1024x2048: memory, 1000 images to 100", peaks[1000] / peaks[100]


def stage(project: Path, images: list[str]) -> tuple[float, float]:
    """Seconds and peak MB of `pseudo_label` as DVC runs it."""
    round_ = {"teacher": "s", "start": "s", "pseudo_label": {"labeler": "cbst", "portion": PORTION}}
    content = {"prepare": {"target": {"root": "."}}, "pretrain": {"s": {}}, "rounds": {"r": round_}}
    YAML().dump(content, project / "params.yaml")
    samples = [Sample("target", name, "", 1024, 2048) for name in images]
    target = Domain(samples, project, (2048, 1024))
    artifacts.write_domain(project / "target.parquet", target, labelled=False)
    artifacts.write_taxonomy(project / "taxonomy.json", CITYSCAPES)
    artifacts.write_array(project / "prior.npy", UNIFORM)
    (project / "c").mkdir()
    paths = {"target": "target.parquet", "predictions": "p", "corrections": "c",
             "taxonomy": "taxonomy.json", "prior": "prior.npy", "labels": "l", "dense": "d",
             "thresholds": "t.parquet", "coverage": "v.parquet", "corrected": "c.csv",
             "quality": "q.parquet"}  # fmt: skip
    words = [word for key, path in paths.items() for word in (f"--{key}", path)]
    began = time.perf_counter()
    command = [sys.executable, "-m", "pipeline.stages.pseudo_label", "r", *words]
    running = subprocess.Popen(
        command, cwd=project, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    peak = 0.0
    while running.poll() is None:  # rusage would count what this process had when it forked
        peak = max(peak, high_water(running.pid))
        time.sleep(0.02)
    if running.returncode:
        raise RuntimeError(f"pseudo_label ended with {running.returncode}")
    return time.perf_counter() - began, peak


def high_water(pid: int) -> float:
    """The most memory in MB that a process has held so far, 0 once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    held = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    return held[0] / 1024 if held else 0.0


def storing(world: World) -> Rows:
    """What infer adds to the forward pass: the coarser grid in float16, and writing it."""
    height, width = SIZES["512x1024"]
    own = list(world.logits(world.sized("512x1024", 32)))
    coarse = [resample(logits, (height // 8, width // 8)) for logits in own]
    for stride, given in ((8, coarse), (4, own)):
        with tempfile.TemporaryDirectory(dir=world.folder) as name:

            def store(given: list[torch.Tensor] = given, folder: Path = Path(name)) -> None:
                grids = (predict.grid(logits, height, width, 8)[0][0].numpy() for logits in given)
                found = (Prediction("x.png", height, width, grid) for grid in grids)
                predictions.write(folder, predictions.files(32), found)

            seconds = medians({"store": store})["store"]
        yield f"512x1024: ms an image to store, a network of stride {stride}", 1000 * seconds / 32


def evaluation(world: World) -> Rows:
    """One confusion matrix over pairs at 512x1024, beside torchmetrics'."""
    from torchmetrics.classification import MulticlassConfusionMatrix

    domain = world.sized("512x1024", 32)
    truths = [domain.label(i) for i in range(32)]
    stored = world.predictions("512x1024", 32)
    found = [labelling.measure(p.logits.astype(np.float32), 512, 1024)[0] for p in stored]
    confusion = Confusion(CLASSES)
    metric = MulticlassConfusionMatrix(CLASSES, ignore_index=255, validate_args=False)

    def add() -> None:
        for truth, prediction in zip(truths, found, strict=True):
            confusion.add(truth, prediction)

    predicted = [torch.from_numpy(prediction) for prediction in found]
    true = [torch.from_numpy(truth.copy()) for truth in truths]

    def update() -> None:
        for prediction, truth in zip(predicted, true, strict=True):
            metric.update(prediction, truth)

    took = medians({"segue": add, "torchmetrics": update})
    yield "evaluation: ms an image of 512x1024", 1000 * took["segue"] / 32
    yield "evaluation: times faster than torchmetrics", took["torchmetrics"] / took["segue"]
    equal = (confusion.matrix[:, :CLASSES] == metric.compute().numpy()).all()
    yield "evaluation: same matrix (1 is yes)", float(equal)


@numba.njit(fastmath={"contract"})
def _multiply_add(x: Array, rounds: int) -> None:
    for _ in range(rounds):
        for i in range(x.size):
            v = x[i]
            for _ in range(32):
                v = v * np.float32(0.999) + np.float32(0.001)
            x[i] = v


def limit(world: World) -> Rows:
    """One core: multiply-adds a second at best, and what the fused passes reach of them."""
    x = np.ones(256, np.float32)
    rate = 1000 * 256 * 32 / medians({"": lambda: _multiply_add(x, 1000)}, 20)[""]
    grid = world.predictions("512x1024", 32)[0].logits.astype(np.float32)
    height, width = SIZES["512x1024"]
    k = np.full(CLASSES, 0.1, np.float32)
    took = medians({
        "measure": lambda: labelling.measure(grid, height, width),
        "labels": lambda: labelling.weighted_argmax(grid, height, width, k).labels,
    }, 20)  # fmt: skip
    yield "one core: billion multiply-adds a second, in registers", rate / 1e9
    # per class and pixel: lerp and argmax 5, exp 17, sums 5, weighted argmax 5; per pixel 35
    for name, each in (("measure", 27), ("labels", 32)):
        operations = height * width * (each * CLASSES + 35)
        yield f"one core: ms an image of 512x1024, {name}", 1000 * took[name]
        yield f"one core: % of that limit reached, {name}", 100 * operations / took[name] / rate


PARTS = (speed, disk, exactness, rounding, storing, evaluation, limit, growth, retraining)


def main() -> None:
    """All parts, or those named; rows of the others stay as they are in the results."""
    chosen = [part for part in PARTS if part.__name__ in sys.argv[1:]] or PARTS
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() and len(chosen) < len(PARTS) else {}
    torch.set_num_threads(1)
    memory = Path("/dev/shm")
    shown = Table("what", "measured")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        threads = torch.get_num_threads()
        world = build(Path(folder))
        for part in chosen:
            torch.set_num_threads(os.cpu_count() or 1 if part is retraining else threads)
            for name, value in part(world):
                rows[name] = float(f"{value:.6g}")
                shown.add_row(name, f"{value:.4g}")
                print(f"{name}: {value:.4g}", flush=True)
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    Console().print(shown)


if __name__ == "__main__":
    main()
