"""Memory and time of each network: a training step and an inference, each in a process of its own.

    python benchmarks/networks.py                 # 512x1024, batch 1; minutes, on an idle machine
    python benchmarks/networks.py --height 128 --width 256 --out FILE --only small segnet
    python benchmarks/networks.py --beside small --onnx ...  # on a busy machine, and for a device

prints a table and writes benchmarks/results/networks.json, in which rows of other sizes stay. With
`--beside` each step is followed by one of that network, and what counts is how many times as long
it took.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rows import FOLDER

from pipeline.commands.export import to_onnx
from pipeline.domain.taxonomy import CITYSCAPES
from pipeline.model import model
from pipeline.model.recipe import Recipe
from pipeline.runtime.files import write_json
from pipeline.training.losses import supervised

RESULTS = FOLDER / "networks.json"
LITE0 = {"backbone": "timm/tf_efficientnet_lite0"}
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "small": ("small", {}),
    "fcn8s": ("fcn8s", {}),
    "segnet": ("segnet", {}),
    "deeplabv2 vgg16": ("deeplabv2", {"backbone": "vgg16"}),
    "deeplabv2 resnet101, aux": ("deeplabv2", {"aux": True}),
    "fcn resnet50": ("fcn", {}),
    "deeplabv3 mobilenet": ("deeplabv3", {"backbone": "mobilenet"}),
    "deeplabv3 resnet50": ("deeplabv3", {}),
    "deeplabv3 resnet101": ("deeplabv3", {"backbone": "resnet101"}),
    "deeplabv3plus mobilenet": ("deeplabv3plus", {"backbone": "mobilenet"}),
    "deeplabv3plus resnet101": ("deeplabv3plus", {}),
    "deeplabv3plus resnet101, stride 8": ("deeplabv3plus", {"output_stride": 8}),
    "deeplabv3plus lite0": ("deeplabv3plus", LITE0),
    "deeplabv3plus lite0, width 128": ("deeplabv3plus", LITE0 | {"width": 128}),
    "deeplabv3plus lite0, width 64": ("deeplabv3plus", LITE0 | {"width": 64}),
    "segformer b0": ("segformer", {}),
    "segformer b2": ("segformer", {"size": "b2"}),
    "segformer b5": ("segformer", {"size": "b5"}),
}


def main() -> None:
    given = _arguments()
    if given.child:
        print(json.dumps(measure(given)))
        return
    rows = json.loads(given.out.read_text()) if given.out.exists() else []
    onnx = " ONNX |" if given.onnx else ""
    print(f"| network | parameters | a training step | its memory | an image | its memory |{onnx}")
    print("|---|---|---|---|---|---|" + ("---|" if given.onnx else ""))
    for name in given.only or NETWORKS:
        row = {"network": name, "height": given.height, "width": given.width}
        row |= {"batch": given.batch, "threads": given.threads}
        row |= {"bfloat16": True} if given.bfloat16 else {}
        rows = [r for r in rows if not row.items() <= r.items() or "bfloat16" in {*r} - {*row}]
        row |= {"steps": given.steps}
        for what in ("train", "infer", *(["onnx"] if given.onnx else [])):
            row |= in_a_child(name, what, given)
        rows.append(row)
        print(line(row), flush=True)
        write_json(given.out, rows)


def line(row: dict[str, Any]) -> str:
    cells = [row["network"], f"{row['parameters'] / 1e6:.1f} M"]
    for what in ("train", "infer"):
        times = f", {row[what + '_times']:.1f} times" if f"{what}_times" in row else ""
        cells.append(f"{row[what + '_seconds']:.2f} s{times}")
        cells.append(f"{row[what + '_bytes'] / 1e9:.2f} GB")
    if "onnx_bytes" in row:
        cells.append(f"{row['onnx_bytes'] / 1e6:.1f} MB")
    return f"| {' | '.join(cells)} |"


def in_a_child(name: str, what: str, given: argparse.Namespace) -> dict[str, Any]:
    """What `measure` finds, its memory being that of a process that did nothing else."""
    sizes = (given.height, given.width, given.batch, given.steps, given.threads)
    flags = ("--height", "--width", "--batch", "--steps", "--threads")
    command = [sys.executable, __file__, "--child", name, what]
    command += [word for pair in zip(flags, map(str, sizes), strict=True) for word in pair]
    command += ["--beside", given.beside] if given.beside else []
    command += ["--bfloat16"] if given.bfloat16 else []
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Median seconds after two steps that are not counted, and the process's peak memory."""
    torch.set_num_threads(given.threads)
    name, what = given.child
    made = _made(name)
    if what == "onnx":
        return {"onnx_bytes": len(to_onnx(made.eval(), given.height, given.width))}
    steps = [_step(made, what, given)]
    found = {"parameters": sum(p.numel() for p in made.parameters())}
    _ = _seconds(steps[0]), _seconds(steps[0])
    found[f"{what}_bytes"] = _peak()
    if given.beside:
        steps.append(_step(_made(given.beside), what, given))
        _ = _seconds(steps[1]), _seconds(steps[1])
    rounds = [[_seconds(step) for step in steps] for _ in range(given.steps)]
    found[f"{what}_seconds"] = statistics.median(own for own, *_ in rounds)
    if given.beside:
        found[f"{what}_times"] = statistics.median(own / other for own, other in rounds)
    return found


def _made(name: str) -> model.Model:
    network, options = NETWORKS[name]
    return model.create(Recipe(network, CITYSCAPES, options), seed=0)


def _step(made: model.Model, what: str, given: argparse.Namespace) -> Callable[[], None]:
    """A training step of a batch, or an inference of one image."""
    rng = np.random.default_rng(0)
    size = (given.batch if what == "train" else 1, given.height, given.width)
    images = torch.from_numpy(rng.integers(0, 256, (size[0], 3, *size[1:]), np.uint8))
    labels = torch.from_numpy(rng.integers(0, len(CITYSCAPES), size))
    run = _training(made, images, labels) if what == "train" else _inference(made, images)
    return _in_bfloat16(run) if given.bfloat16 else run


def _in_bfloat16(run: Callable[[], None]) -> Callable[[], None]:
    """As `compute.precision: bf16-mixed` does."""

    def step() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            run()

    return step


def _seconds(step: Callable[[], None]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def _training(made: model.Model, images: torch.Tensor, labels: torch.Tensor) -> Callable[[], None]:
    """Forward, backward and SGD with momentum, in float32."""
    made.train()
    optimiser = torch.optim.SGD(made.parameters(), 1e-6, momentum=0.9, weight_decay=5e-4)

    def step() -> None:
        optimiser.zero_grad()
        supervised(made(images), labels, 0.1).backward()
        optimiser.step()

    return step


def _inference(made: model.Model, images: torch.Tensor) -> Callable[[], None]:
    made.eval()

    @torch.inference_mode()
    def step() -> None:
        made(images)

    return step


def _peak() -> int:
    """The most memory this process has had, in bytes."""
    status = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in status if line.startswith("VmHWM")).split()[1])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name, default in (("height", 512), ("width", 1024), ("batch", 1), ("steps", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--beside", choices=NETWORKS, metavar="NETWORK")
    parser.add_argument("--bfloat16", action="store_true", help="not float32")
    parser.add_argument("--onnx", action="store_true", help="and the size of its ONNX file")
    parser.add_argument("--only", nargs="+", choices=NETWORKS, metavar="NETWORK")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
