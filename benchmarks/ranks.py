"""One process against two that share each batch: the same mIoU, but for the spread of seeds?

    python benchmarks/ranks.py             # about ten minutes

`dvc repro` of small streets with one round, in a clone for each seed and number of processes. Rows
go to benchmarks/results/ranks.json, and Markdown is printed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import clones
import numpy as np
from rich.progress import track
from rows import FOLDER, ROOT, Row
from ruamel.yaml import YAML
from tables import half_width

from pipeline.runtime.files import write_json

RESULTS = FOLDER / "ranks.json"
MODELS = ("source", "source-norm", "round-1")


def params(seed: int, devices: int) -> Row:
    """The preset streets at half its size, with one round."""
    content = clones.params(1)
    size = {"width": 128, "height": 64}
    content |= {"seed": seed, "pretrain": {"source": {"source": "game", "steps": 400}}}
    del content["warmup"]["target-norm"]  # of source-long
    content["compute"] |= {"devices": devices, "checkpoint_minutes": 5}
    content["generate"]["game"] |= {"images": 50, **size}
    content["generate"]["city"] |= {"images": 60, "val": 40, **size}
    clones.resize(content, size)
    content["network"]["options"] = {"width": 16}
    content["training"]["augment"] |= {"crop_width": 128, "crop_height": 64}
    for item in content["warmup"].values():
        item.update(steps=20, batch=8)
    content["retrain"]["steps"] = 150
    return content


def run(folder: Path, seed: int, devices: int) -> Row:
    """mIoU of each model."""
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    YAML().dump(params(seed, devices), folder / "params.yaml")
    env = clones.environment(0)
    done = subprocess.run(["dvc", "repro", "report"], cwd=folder, env=env, text=True, check=False,
                          capture_output=True)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    metrics = json.loads((folder / "reports/metrics.json").read_text())
    return {name: metrics[name]["miou"] for name in MODELS}


def table(rows: list[Row]) -> str:
    """Markdown: means, and differences paired by seed with their 95 % interval."""
    lines = ["| model | one process, by seed | two | two minus one |", "|---|---|---|---|"]
    for name in MODELS:
        one, two = (
            np.array([row[name] for row in rows if row["devices"] == devices]) for devices in (1, 2)
        )
        cells = [f"{of.mean():.2f} ({', '.join(f'{v:.1f}' for v in of)})" for of in (one, two)]
        gap = f"{(two - one).mean():+.2f} ± {half_width(two - one):.2f}"
        lines.append(f"| {name} | {cells[0]} | {cells[1]} | {gap} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--table", action="store_true", help="only print what is there")
    given = parser.parse_args()
    rows = json.loads(RESULTS.read_text()) if given.table else []
    jobs = [] if given.table else [(seed, devices) for seed in given.seeds for devices in (1, 2)]
    for seed, devices in track(jobs, "ranks"):
        with tempfile.TemporaryDirectory() as folder:
            found = run(Path(folder) / "clone", seed, devices)
        rows.append({"seed": seed, "devices": devices, **found})
        write_json(RESULTS, rows)
    print(table(rows))


if __name__ == "__main__":
    main()
