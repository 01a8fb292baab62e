"""What a cluster costs: images a second beside one process, its start, and memory for many images.

    python benchmarks/scale.py                       # 200 images; ten minutes on two idle cores
    python benchmarks/scale.py --memory 1000000      # of the processes that drive stages

The first starts Ray on this machine with one and with two workers. Rows go to
benchmarks/results/scale.json, and Markdown is printed.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import scale_memory
from PIL import Image
from rows import FOLDER, Row

from pipeline import streets
from pipeline.domain import pictures
from pipeline.domain.pixels import Coding
from pipeline.domain.samples import Domain, Sample
from pipeline.domain.taxonomy import resolve
from pipeline.inference import predictions
from pipeline.inference.predictions import Prediction, Predictions
from pipeline.runtime import cluster, display
from pipeline.runtime.compute import Compute
from pipeline.runtime.files import write_json

RESULTS = FOLDER / "scale.json"
CITY = resolve("cityscapes")
WIDTH, HEIGHT, CELLS = 1024, 512, (19, 64, 128)
OWN = Compute(accelerator="cpu", precision="32-true", threads=1)


@contextmanager
def started(workers: int) -> Iterator[str]:
    """A head with so many CPUs; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="ray") as folder:
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}
        os.environ |= {"RAY_worker_niceness": "0"}  # as the process beside which they are measured
        command = [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
            *("--port", str(port), "--num-cpus", str(workers), "--temp-dir", f"{folder}/ray"),
            *("--include-dashboard", "false", "--disable-usage-stats"),
        ]
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until = time.monotonic() + 180
            while time.monotonic() < until:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(1)
            time.sleep(10)  # its other processes
            yield f"127.0.0.1:{port}"
        finally:
            running.terminate()
            running.wait(60)


def domain(root: Path, count: int) -> Domain:
    """One frame under many names."""
    image, _ = streets.render("city", 1, 0, WIDTH, HEIGHT)
    pictures.write_image(root / "0.png", Image.fromarray(image))
    samples = [Sample("target", f"{i}.png", "", HEIGHT, WIDTH) for i in range(count)]
    for sample in samples[1:]:
        os.link(root / "0.png", root / sample.image)
    return Domain(samples, root, (WIDTH, HEIGHT), Coding({}))


def predicted(target: Domain, folder: Path) -> Predictions:
    """Random logits of all images."""
    rng = np.random.default_rng(0)
    coarse = rng.normal(0, 3, CELLS).astype(np.float16)
    found = (
        Prediction(s.image, HEIGHT, WIDTH, np.roll(coarse, i)) for i, s in enumerate(target.samples)
    )
    predictions.write(folder, predictions.files(len(target)), found)
    return Predictions(folder)


def paced(results: Iterable[object], skipped: int, each: int, count: int) -> tuple[float, float]:
    """Seconds until the first result, and things a second after the first `skipped`."""
    began, moments = time.monotonic(), []
    for _ in results:
        moments.append(time.monotonic())
    done = count - each * skipped
    return moments[0] - began, done / (moments[-1] - moments[skipped - 1])


def labelled(found: Predictions, compute: Compute, folder: Path) -> tuple[float, float]:
    """Seconds that the first of two runs took longer, and images a second of the second."""
    from pipeline.stages import pseudo_label

    params = pseudo_label.Params(labeler="cbst", portion=0.3, compute=compute)
    prior = np.full((len(CITY), 2, 2), 1 / len(CITY), np.float32)

    def write(name: str, made: pseudo_label.Made) -> None:
        pictures.write_label(folder / f"{name}.png", made.labels, CITY.colours)

    took = []
    for _ in range(2):
        began = time.monotonic()
        pseudo_label.run(params, found, {}, CITY, prior, write)
        took.append(time.monotonic() - began)
    return took[0] - took[1], len(found) / took[1]


def inferred(target: Domain, compute: Compute, folder: Path) -> tuple[float, float]:
    """Seconds to the first file, and images a second from then on."""
    from pipeline.model import model
    from pipeline.model.recipe import Recipe
    from pipeline.runtime.launch import launch
    from pipeline.stages import infer

    teacher = model.create(Recipe("small", CITY, {"width": 16}), 0)
    params = infer.Params(compute=compute, batch=4)
    files, per = predictions.files(len(target)), predictions.PER_FILE
    if compute.cluster is None:
        fabric = launch(compute, alone=True)
        found = infer.run(params, teacher, target, fabric, files.values())
        return paced(found, per, 1, len(target))
    writer = infer.Writer(params, teacher, target, folder)
    workers = int(cluster.join(compute.cluster).cluster_resources()["CPU"])
    return paced(cluster.actors(writer, files.items(), compute), workers, per, len(target))


def measured(count: int) -> list[Row]:
    """A row for each stage and each way to run it."""
    found: list[Row] = []
    with tempfile.TemporaryDirectory() as name, display.hidden():
        root = Path(name)
        target = domain(root / "images", count)
        made = predicted(target, root / "predictions")
        ways: list[tuple[str, int, Callable[[Compute], tuple[float, float]]]] = [
            ("infer", 2, lambda of: inferred(target, of, root / "made")),
            ("pseudo_label", 1, lambda of: labelled(made, of, root / "labels")),
        ]
        for stage, threads, way in ways:
            first, rate = way(OWN.model_copy(update={"threads": threads}))
            found.append({"stage": stage, "way": "one process", "start": first, "rate": rate})
        for workers in (1, 2):
            with started(workers) as address:
                for stage, _, way in ways:
                    first, rate = way(OWN.model_copy(update={"cluster": address}))
                    found.append(
                        {"stage": stage, "way": f"{workers} workers", "start": first, "rate": rate}
                    )
                cluster.join(address).shutdown()
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--memory", type=int, metavar="IMAGES")
    given = parser.parse_args()
    if given.memory:
        for row in scale_memory.measured(given.memory):
            print(row, flush=True)
    else:
        rows = [{**row, "load": os.getloadavg()[0]} for row in measured(given.images)]
        write_json(RESULTS, rows)
        print("| stage | way | start, s | images a second |\n|---|---|---|---|")
        for row in rows:
            print(f"| `{row['stage']}` | {row['way']} | {row['start']:.1f} | {row['rate']:.1f} |")


if __name__ == "__main__":
    main()
