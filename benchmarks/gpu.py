"""What a GPU makes of training, inference and pseudo-labels; memory; whether two runs are alike.

    python benchmarks/gpu.py                   # every part, some minutes on one large GPU
    python benchmarks/gpu.py --parts step --networks "segformer b5" --workers 0 8

prints a row as each is found and writes benchmarks/results/gpu.json, in which the rows of other
parts and devices stay. Each row is measured in a process of its own; two programs that are compared
share one. Where there is no GPU it measures the CPU.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from gpu_given import NETWORKS, Given
from gpu_parts import PARTS
from rows import FOLDER

from pipeline.runtime.files import write_json

RESULTS = FOLDER / "gpu.json"


def jobs(given: argparse.Namespace) -> Iterator[tuple[str, str, int]]:
    """(part, network, workers) of each row, as far as a part asks for them."""
    for part in given.parts:
        networks = given.networks if PARTS[part].networks else [""]
        for network in networks:
            for workers in given.workers if PARTS[part].workers else [0]:
                yield part, network, workers


def device() -> dict[str, Any]:
    """What the rows were measured on."""
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor()
    return {"device": name, "cores": os.cpu_count(), "torch": torch.__version__}


def in_a_child(job: tuple[str, str, int], given: argparse.Namespace, folder: Path) -> Any:
    """What a part finds, or the last line of what it said when it failed."""
    words = [sys.executable, __file__, "--child", *map(str, job), "--folder", str(folder)]
    for name in ("height", "width", "batch", "steps"):
        words += [f"--{name}", str(getattr(given, name))]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def shown(found: Any) -> str:
    """A row's values, in words."""
    values = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in found.items()}
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in values.items())


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=[*PARTS])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, metavar="NETWORK",
                        default=[*NETWORKS])  # fmt: skip
    parser.add_argument("--workers", nargs="+", type=int, default=[0, 4, 8])
    for name, default in (("height", 512), ("width", 1024), ("batch", 4), ("steps", 20)):
        parser.add_argument(f"--{name}", type=int, default=default, help="of training")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        part, network, workers = given.child
        sizes = (given.height, given.width, given.batch, given.steps)
        own = Given(given.folder, network, int(workers), *sizes)
        print(json.dumps(PARTS[part].run(own)))
        return
    rows = json.loads(given.out.read_text()) if given.out.exists() else []
    sizes = {name: getattr(given, name) for name in ("height", "width", "batch")}
    with tempfile.TemporaryDirectory() as folder:
        for job in jobs(given):
            row = {**dict(zip(("part", "network", "workers"), job, strict=True)), **device()}
            row |= sizes
            found = in_a_child(job, given, Path(folder))
            rows = [r for r in rows if not row.items() <= r.items()] + [{**row, **found}]
            print(f"{job[0]}, {job[1] or 'all'}, {job[2]} workers: {shown(found)}", flush=True)
            write_json(given.out, rows)


if __name__ == "__main__":
    main()
