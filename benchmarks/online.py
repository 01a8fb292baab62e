"""What online self-training costs beside rounds' self-training: seconds a step, and memory.

    python benchmarks/online.py                           # small and lite0, 256x128, batch 2 + 2
    python benchmarks/online.py --networks small --steps 40 --threads 2
    python benchmarks/online.py --width 208 --height 156

A step is the training loop's own: crops drawn, mixed and masked, all passes, the optimiser. Each
step of an objective is followed by one of self_training, and what counts is the median of how many
times as long it took. Memory is the most that a process has had which trained with one of them
alone.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from networks import NETWORKS
from rows import FOLDER

from pipeline.domain.samples import Sample
from pipeline.domain.taxonomy import CITYSCAPES
from pipeline.domain.views import AugmentParams
from pipeline.model import model
from pipeline.model.recipe import Recipe
from pipeline.runtime.compute import Compute
from pipeline.runtime.files import write_json
from pipeline.runtime.launch import launch
from pipeline.sections.training import Training
from pipeline.training import loop
from pipeline.training.objective import build_objective

RESULTS = FOLDER / "online.json"
MASK = {"size": 16, "ratio": 0.7}
BESIDE = "self_training"
OBJECTIVES: dict[str, tuple[str, dict[str, Any]]] = {
    BESIDE: ("self_training", {"norm": "own"}),
    "online, round": ("online", {"labels": "round", "own_norm": True}),
    "online, teacher": ("online", {"own_norm": True}),
    "online, both, by classes": (
        "online", {"labels": "both", "weigh": "classes", "own_norm": True},
    ),
    "online, teacher, mirrored": ("online", {"flip": True, "own_norm": True}),
    "online, teacher, masked": ("online", {"mask": MASK, "own_norm": True}),
}  # fmt: skip
WARM = 3  # steps that are not counted


class Drawn:
    """Images of noise with blocks of classes, in memory."""

    def __init__(self, name: str, given: argparse.Namespace, seed: int) -> None:
        rng = np.random.default_rng(seed)
        shape = (8, given.height, given.width)
        self.images = rng.integers(0, 256, (*shape, 3), np.uint8)
        cells = rng.integers(0, len(CITYSCAPES), (8, 8, 16)).astype(np.uint8)
        rows, columns = -(-shape[1] // 8), -(-shape[2] // 16)
        labels = cells.repeat(rows, 1).repeat(columns, 2)
        self.labels = labels[:, : shape[1], : shape[2]]
        self.samples = [Sample(name, f"{name}/{i}.png", "", *shape[1:]) for i in range(8)]

    def __len__(self) -> int:
        return len(self.samples)

    def image(self, index: int) -> Any:
        """RGB."""
        return self.images[index]

    def label(self, index: int) -> Any:
        """Train ids."""
        return self.labels[index]


def training(network: str, name: str, given: argparse.Namespace, log: Any) -> None:
    """WARM steps and as many as are asked for, of one objective."""
    kind, options = NETWORKS[network]
    made = model.create(Recipe(kind, CITYSCAPES, options), seed=0)
    objective, own = OBJECTIVES[name]
    context = {"classes": len(CITYSCAPES), "k": torch.full((len(CITYSCAPES),), 0.5)}
    part = build_objective(objective, own, 0, **context)
    sides = ([Drawn("s", given, 0)], 2), ([Drawn("t", given, 1)], 2), None
    augment = AugmentParams(crop_width=given.width, crop_height=given.height, scale=(0.8, 1.4))
    params = Training(batch=4, augment=augment)
    fabric = launch(Compute(accelerator=given.accelerator, precision="32-true"))
    loop.fit(made, part, sides, params, WARM + given.steps, 0, fabric, log)


class Turns:
    """Trainings in threads of their own, of which one is running: a step of each in turn."""

    def __init__(self, count: int) -> None:
        self.gates = [threading.Semaphore(0) for _ in range(count)]
        self.done = threading.Semaphore(0)

    def run(self, number: int, *given: Any) -> None:
        """A training that gives its turn back after each step."""
        self.gates[number].acquire()
        training(*given, lambda *_: self.passed(number))
        self.done.release()

    def passed(self, number: int) -> None:
        """The step is done; the next when it is this one's turn again."""
        self.done.release()
        self.gates[number].acquire()

    def seconds(self, number: int) -> float:
        """Of its next step, while the others wait."""
        began = time.perf_counter()
        self.gates[number].release()
        self.done.acquire()
        return time.perf_counter() - began


def times(network: str, name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Median seconds of a step, and times those of self_training's that followed it."""
    turns = Turns(2)
    threads = [
        threading.Thread(target=turns.run, args=(number, network, of, given), daemon=True)
        for number, of in enumerate((name, BESIDE))
    ]
    for thread in threads:
        thread.start()
    rounds = [[turns.seconds(n) for n in range(2)] for _ in range(WARM + given.steps)][WARM:]
    return {
        "seconds": statistics.median(own for own, _ in rounds),
        "times": statistics.median(own / other for own, other in rounds),
        "least": float(np.quantile([own / other for own, other in rounds], 0.25)),
        "most": float(np.quantile([own / other for own, other in rounds], 0.75)),
    }


def memory(network: str, name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Bytes, of this process or of its GPU."""
    training(network, name, given, lambda *_: None)
    if torch.cuda.is_available() and given.accelerator != "cpu":
        return {"bytes": torch.cuda.max_memory_allocated()}
    return {"bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def measured(given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row of each network and objective."""
    for network in given.networks:
        for name in given.objectives:
            row = {"network": network, "objective": name, "width": given.width}
            row |= {"height": given.height, "threads": given.threads, "steps": given.steps}
            for what in ("memory", *(["times"] if name != BESIDE else [])):
                words = [sys.executable, *sys.argv, "--child", network, name, what]
                done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
                row |= json.loads(done.stdout.splitlines()[-1])
            yield row


def shown(row: dict[str, Any]) -> str:
    cells = [row["network"], row["objective"]]
    cells.append(f"{row['seconds']:.3f} s" if "seconds" in row else "")
    told = (
        f"{row['times']:.2f} ({row['least']:.2f} to {row['most']:.2f})" if "times" in row else "1"
    )
    cells += [told, f"{row['bytes'] / 1e6:.0f} MB"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure, print a table, write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, metavar="NETWORK",
                        default=["small", "deeplabv3plus lite0, width 64"])  # fmt: skip
    parser.add_argument("--objectives", nargs="+", choices=OBJECTIVES, metavar="OBJECTIVE",
                        default=[*OBJECTIVES])  # fmt: skip
    for option, default in (("width", 256), ("height", 128), ("steps", 20)):
        parser.add_argument(f"--{option}", type=int, default=default)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--accelerator", default="cpu")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.child:
        network, name, what = given.child
        print(json.dumps({"memory": memory, "times": times}[what](network, name, given)))
        return
    print("| network | objective | a step | times self_training's (half of all) | memory |")
    print("|---|---|---|---|---|")
    rows = []
    for row in measured(given):
        rows.append(row)
        print(shown(row), flush=True)
        write_json(given.out, rows)


if __name__ == "__main__":
    main()
