"""Pseudo-labels: time, exactness, disk and memory, against other ways to make them.

    make bench

prints a table and writes benchmarks/results/pseudo_labels.json. Needs a machine with nothing else
to do, and 8 GB of memory-backed storage (/dev/shm, else the folder for temporary files).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise, repeat
from pathlib import Path

import numba
import numpy as np
import torch
from lightning_fabric import Fabric
from others import Array, plain_torch, public, scores, sorted_k, upsampled, weighted
from rich.console import Console
from rich.table import Table
from ruamel.yaml import YAML

from pipeline import (
    artifacts,
    batches,
    confidence,
    fused,
    model,
    parts,
    predict,
    predictions,
    training,
)
from pipeline.augment import Augment
from pipeline.compute import launch
from pipeline.params import load
from pipeline.predictions import Prediction, Predictions
from pipeline.samples import Coding, Domain, Sample
from pipeline.scores import Confusion
from pipeline.stages import generate, infer, pretrain, pseudo_label, retrain
from pipeline.taxonomy import CITYSCAPES, LABEL_IDS

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "pseudo_labels.json"
PRESET = ROOT / "presets" / "streets.yaml"
SIZES = {"512x1024": (512, 1024), "1024x2048": (1024, 2048)}
PORTION, CLASSES, REPEATS = 0.2, len(CITYSCAPES), 5
UNIFORM = np.ones((CLASSES, 1, 1), np.float32)  # the prior, which this labeler does not use
Rows = Iterator[tuple[str, float]]


@dataclass(frozen=True)
class World:
    """Streets, a small network trained on them for a minute, and a folder in memory."""

    folder: Path
    game: Domain
    city: Domain
    teacher: model.Model
    fabric: Fabric

    def sized(self, size: str, count: int) -> Domain:
        """`count` city images at another size."""
        height, width = SIZES[size]
        return replace(self.city, samples=self.city.samples[:count], size=(width, height))

    def logits(self, domain: Domain) -> Iterator[torch.Tensor]:
        """The trained network's float32 logits of each image, on its own grid."""
        for index in range(len(domain)):
            image = torch.from_numpy(domain.image(index).copy()).permute(2, 0, 1)[None]
            yield predict.scores(self.teacher, image)

    def predictions(self, size: str, count: int) -> Predictions:
        """Stored as infer does at stride 8."""
        folder, domain = self.folder / f"{size}-{count}", self.sized(size, count)
        if not folder.exists():
            files = predictions.files(count)
            given = infer.Params(stride=8, batch=1)
            found = infer.run(given, self.teacher, domain, self.fabric, files.values())
            predictions.write(folder, files, found)
        return Predictions(folder)


def build(folder: Path) -> World:
    """The preset's source model after 400 steps."""
    domains = {}
    for name, count in (("game", 50), ("city", 32)):
        given = load(generate.Params, f"generate.{name}", path=PRESET)
        given = given.model_copy(update={"images": count, "val": 0})
        generate.run(given, folder / name)
        samples = [
            Sample(name, f.image, "", given.height, given.width, f.label, "")
            for f in generate.frames(given)
        ]
        raw = {raw: CITYSCAPES.names.index(n) if n else 255 for raw, n in LABEL_IDS.items()}
        size = (given.width, given.height)
        domains[name] = Domain(samples, folder / name, size, Coding(raw), 512)
    given = load(pretrain.Params, "training", "pretrain.source", path=PRESET)
    fabric = launch(given.compute)
    given = given.model_copy(update={"steps": 400})
    teacher = pretrain.run(given, domains["game"], CITYSCAPES, fabric, lambda *_: None)
    return World(folder, domains["game"], domains["city"], teacher, fabric)


def medians(ways: dict[str, Callable[[], object]], repeats: int = REPEATS) -> dict[str, float]:
    """Median seconds of each, one after the other and over again, after one of each unmeasured."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            took[name] += [time.perf_counter() - began] if turn else []
    return {name: statistics.median(values) for name, values in took.items()}


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

    def write(name: str, made: fused.Made) -> None:
        artifacts.write_label(folder / f"{name}.png", made.labels, CITYSCAPES.colours)

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
            found = (replace(given[i % 16], image=f"{i:06d}.png") for i in range(count))
            predictions.write(project / "p", predictions.files(count), found)
            seconds, peaks[count] = stage(project)
            yield f"1024x2048: s for {count} images, the stage as a process", seconds
            yield f"1024x2048: MB at most, {count} images", peaks[count]
    yield "1024x2048: memory, 1000 images to 100", peaks[1000] / peaks[100]


def stage(project: Path) -> tuple[float, float]:
    """Seconds and peak MB of `pseudo_label` as DVC runs it."""
    round_ = {"teacher": "s", "start": "s", "pseudo_label": {"labeler": "cbst", "portion": PORTION}}
    YAML().dump({"pretrain": {"s": {}}, "rounds": {"r": round_}}, project / "params.yaml")
    artifacts.write_taxonomy(project / "taxonomy.json", CITYSCAPES)
    artifacts.write_array(project / "prior.npy", UNIFORM)
    (project / "c").mkdir()
    paths = {"predictions": "p", "corrections": "c", "taxonomy": "taxonomy.json", "labels": "l",
             "dense": "d", "prior": "prior.npy", "thresholds": "t.parquet",
             "coverage": "v.parquet"}  # fmt: skip
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


def exactness(world: World) -> Rows:
    """Lambda, pixels kept and labels against sorting everything in float64."""
    stored = world.predictions("512x1024", 32)
    plain = [stored[i].logits.astype(np.float32) for i in range(0, 32, 8)]
    yield from exact("a trained network", plain)
    sharp = sharpened(plain)
    yield from exact("60 % of road above 1 - 2^-16", sharp)


def sharpened(grids: list[Array]) -> list[Array]:
    """The same logits, road's raised where it is highest, by what makes 60 % of it that sure."""
    low, high = 0.0, 30.0
    for _ in range(12):
        middle = np.float32((low + high) / 2)
        raised = [grid.copy() for grid in grids]
        for grid in raised:
            grid[0] += middle * (grid.argmax(0) == 0)
        measured = [fused.measure(grid, *SIZES["512x1024"]) for grid in raised]
        k = np.concatenate([m[1][m[0] == 0] for m in measured])
        low, high = (low, middle) if (k < 2.0**-16).mean() > 0.6 else (middle, high)  # noqa: PLR2004
    return raised


def exact(what: str, grids: list[Array]) -> Rows:
    """Rows of one set of logits."""
    height, width = SIZES["512x1024"]
    k, seen = confidence.thresholds(
        grids, lambda g: fused.measure(g, height, width), np.arange(CLASSES), PORTION
    )
    maps = [upsampled(grid, height, width) for grid in grids]
    classes, values = (np.stack(found) for found in zip(*map(scores, maps), strict=True))
    reference = np.array([sorted_k(values[classes == c], PORTION) for c in range(CLASSES)])
    taken = reference > 0
    off = np.abs(np.expm1(reference[taken] - k[taken].astype(np.float64))).max()
    yield f"{what}: lambda, largest relative difference to float64", float(off)
    wrong = 0
    measured = [fused.measure(grid, height, width) for grid in grids]
    for c in np.flatnonzero(taken):
        kept = sum(int((m[1][m[0] == c] <= k[c]).sum()) for m in measured)
        expected = int((values[classes == c] <= reference[c]).sum())
        ties = int((np.abs(values[classes == c] / reference[c] - 1) < 2.0**-20).sum())
        wrong += max(0, abs(kept - expected) - ties)
    yield f"{what}: pixels kept, difference to float64, ties aside", wrong
    labels = [fused.weighted_argmax(grid, height, width, k).labels for grid in grids]
    own = np.where(k == fused.NOTHING, 0, k).astype(np.float64)
    same = [(label == weighted(a, own)).mean() for label, a in zip(labels, maps, strict=True)]
    yield f"{what}: % of labels equal at the same lambda", 100 * float(np.mean(same))
    yield f"{what}: % of pixels kept", 100 * float(np.mean([(x != 255).mean() for x in labels]))  # noqa: PLR2004
    assert seen.predicted.sum() == height * width * len(grids)


def rounding(world: World) -> Rows:
    """Labels from stored logits against float32 ones, and against labels at full resolution."""
    height, width = SIZES["512x1024"]
    domain = world.sized("512x1024", 32)
    half, single, full = [], [], []
    for logits in world.logits(domain):
        small = predict.resample(logits, height // 8, width // 8)
        single.append((small - small.amax(1, keepdim=True))[0].numpy())
        half.append(predict.grid(logits, height, width, 8)[0].numpy().astype(np.float32))
        full.append(predict.labels(logits, height, width)[0].numpy())
    made = [labelled(grids, height, width) for grids in (half, single)]
    yield "512x1024: % of labels equal, float16 to float32", 100 * same(made[0], made[1])
    coarse = [fused.measure(grid, height, width)[0] for grid in half]
    yield "512x1024: % of classes equal, stride 8 to full resolution", 100 * same(coarse, full)
    truths = [domain.label(index) for index in range(len(domain))]
    for what, found in (("stride 8", coarse), ("full resolution", full)):
        yield f"512x1024: % of pixels right, {what}", 100 * same(found, truths)


def labelled(grids: list[Array], height: int, width: int) -> list[Array]:
    """CBST's labels of a set."""
    k, _ = confidence.thresholds(
        grids, lambda g: fused.measure(g, height, width), np.arange(CLASSES), PORTION
    )
    return [fused.weighted_argmax(grid, height, width, k).labels for grid in grids]


def same(one: list[Array], other: list[Array]) -> float:
    """Share of equal pixels."""
    return float(np.mean([(a == b).mean() for a, b in zip(one, other, strict=True)]))


def storing(world: World) -> Rows:
    """What infer adds to the forward pass: the coarser grid in float16, and writing it."""
    height, width = SIZES["512x1024"]
    own = list(world.logits(world.sized("512x1024", 32)))
    coarse = [predict.resample(logits, height // 8, width // 8) for logits in own]
    for stride, given in ((8, coarse), (4, own)):
        with tempfile.TemporaryDirectory(dir=world.folder) as name:

            def store(given: list[torch.Tensor] = given, folder: Path = Path(name)) -> None:
                grids = (predict.grid(logits, height, width, 8)[0].numpy() for logits in given)
                found = (Prediction("x.png", height, width, grid) for grid in grids)
                predictions.write(folder, predictions.files(32), found)

            seconds = medians({"store": store})["store"]
        yield f"512x1024: ms an image to store, a network of stride {stride}", 1000 * seconds / 32


def retraining(world: World) -> Rows:
    """Steps a second of retrain to those of the same loop on one batch in memory."""
    given = load(
        retrain.Params, "training", "retrain", "rounds.round-1.retrain", path=PRESET
    ).model_copy(update={"steps": 60})
    small = model.create(world.teacher.recipe, 0)
    yield from loaded("small network, 256x128", given, small, world.game, world.city)
    height, width = SIZES["512x1024"]
    large = [at_full_size(world, domain, 8) for domain in (world.game, world.city)]
    augment = given.augment.model_copy(update={"crop_width": width, "crop_height": height})
    given = given.model_copy(update={"steps": 5, "batch": 2, "augment": augment})
    recipe = model.Recipe("deeplabv3", CITYSCAPES, {})
    yield from loaded("DeepLabV3-ResNet-50, 512x1024", given, model.create(recipe, 0), *large)


def at_full_size(world: World, domain: Domain, count: int) -> Domain:
    """Images and labels of 512x1024 as files, none kept in memory."""
    height, width = SIZES["512x1024"]
    large = replace(domain, samples=domain.samples[:count], size=(width, height))
    samples = []
    root = world.folder / f"{domain.samples[0].domain}-large"
    for index, sample in enumerate(large.samples):
        artifacts.write_image(root / f"{index}.png", artifacts.Image.fromarray(large.image(index)))
        artifacts.write_label(root / f"{index}l.png", large.label(index), CITYSCAPES.colours)
        samples.append(replace(sample, image=f"{index}.png", label=f"{index}l.png"))
    same_ids = Coding({**{i: i for i in range(CLASSES)}, 255: 255})
    return Domain(samples, root, (width, height), same_ids)


def loaded(
    what: str, given: retrain.Params, network: model.Model, source: Domain, target: Domain
) -> Rows:
    """With the loader, and without."""
    objective = parts.build("objectives", "self_training", given.options, k=torch.zeros(CLASSES))
    sides = batches.shares(source, target, given.batch, given.source_share)
    draws = batches.Draws(sides, Augment(given.augment), given.seed)
    batch = draws[0]

    def seconds(run: Callable[[training.Log], None]) -> float:
        at = [time.perf_counter()]
        run(lambda *_: at.append(time.perf_counter()))
        return statistics.median(after - before for before, after in pairwise(at[1:]))

    args = (network, objective)
    ratios, steps = [], []
    for _ in range(3):
        full = seconds(lambda log: training.fit(
            *args, sides, given, given.steps, given.seed, launch(given.compute), log))  # fmt: skip
        cached = seconds(lambda log: training.train(
            *args, repeat(batch, given.steps), given.steps, given,
            launch(given.compute), log))  # fmt: skip
        ratios.append(cached / full)
        steps.append(1 / full)
    yield f"{what}: steps a second", statistics.median(steps)
    yield f"{what}: retrain's steps a second to those on a cached batch", statistics.median(ratios)
    began = time.process_time()
    for step in range(8):
        draws[step]
    spent = (time.process_time() - began) / 8 / given.batch
    yield f"{what}: loader's CPU ms an image", 1000 * spent


def evaluation(world: World) -> Rows:
    """One confusion matrix over pairs at 512x1024, beside torchmetrics'."""
    from torchmetrics.classification import MulticlassConfusionMatrix

    domain = world.sized("512x1024", 32)
    truths = [domain.label(i) for i in range(32)]
    stored = world.predictions("512x1024", 32)
    found = [fused.measure(p.logits.astype(np.float32), 512, 1024)[0] for p in stored]
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
        "measure": lambda: fused.measure(grid, height, width),
        "labels": lambda: fused.weighted_argmax(grid, height, width, k).labels,
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
