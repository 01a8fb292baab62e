"""What adaptation gains over training on the source for as long, over several seeds.

    python benchmarks/adaptation.py streets --seeds 1 2 3 4 5

For each seed it runs the whole pipeline (`dvc repro`) of a preset in a folder of its own, and adds
the models' mIoU to benchmarks/results/adaptation.json: run it again to go on where it stopped. Then
it prints, for each model, the mean, and the mean difference to `source-long` of the same seed with
its 95 % interval (Student's t).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from rows import ROOT, Row, Rows
from ruamel.yaml import YAML
from tables import half_width

RESULTS = Rows("adaptation", "preset", "seed")  # and seconds, metrics as in metrics.json, labels
BASELINE = "source-long"


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preset")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--jobs", type=int, default=1, help="seeds at once, a thread each if > 1")
    args = parser.parse_args()
    done = {row["seed"] for row in RESULTS.read() if row["preset"] == args.preset}
    missing = [seed for seed in args.seeds if seed not in done]
    with ThreadPoolExecutor(args.jobs) as pool:
        threads = 1 if args.jobs > 1 else None
        for _ in pool.map(lambda seed: run(args.preset, seed, threads), missing):
            pass
    print(
        table([r for r in RESULTS.read() if r["preset"] == args.preset and r["seed"] in args.seeds])
    )


def run(preset: str, seed: int, threads: int | None) -> None:
    """One seed of a preset, in a copy of the project that is deleted afterwards."""
    with tempfile.TemporaryDirectory(dir=ROOT.parent, prefix=f"segue-{preset}-{seed}-") as folder:
        project = Path(folder)
        _copy(project)
        _configure(project, preset, seed, threads)
        began = time.perf_counter()
        with (ROOT / "benchmarks" / f"{preset}-{seed}.log").open("w") as log:
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            subprocess.run(
                [Path(sys.executable).parent / "dvc", "repro"], env={**os.environ, "PATH": path},
                cwd=project, stdout=log, stderr=subprocess.STDOUT, check=True,
            )  # fmt: skip
        seconds = round(time.perf_counter() - began)
        metrics = json.loads((project / "reports" / "metrics.json").read_text())
        labels = _labels(project, metrics)
    row = {"preset": preset, "seed": seed, "seconds": seconds, "metrics": metrics, "labels": labels}
    RESULTS.append([row])
    print(f"{preset} seed {seed}: {seconds} s", flush=True)


def _copy(project: Path) -> None:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(listed, cwd=ROOT, text=True).splitlines():
        if (ROOT / name).exists():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, project / name)
    (project / "dvc.lock").unlink(missing_ok=True)
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)


def _configure(project: Path, preset: str, seed: int, threads: int | None) -> None:
    yaml = YAML()
    params = yaml.load(project / "presets" / f"{preset}.yaml")
    params["seed"] = seed
    params["compute"]["threads"] = threads
    domains = [params["prepare"][role] for role in ("target", "val")]
    for domain in (*domains, *params["source"].values()):
        root = Path(domain["root"])
        if root.parts[0] == "..":  # the user's folder, beside the project
            domain["root"] = str((ROOT / root).resolve())
    yaml.dump(params, project / "params.yaml")


def _labels(project: Path, metrics: Row) -> Row:
    files = {name: project / "reports" / "rounds" / name / "metrics.json" for name in metrics}
    found = {name: json.loads(path.read_text()).get("labels") for name, path in files.items()}
    return {name: labels for name, labels in found.items() if labels}


def table(rows: list[Row]) -> str:
    """Markdown: mean of each model, mean difference to the baseline with its 95 % interval."""
    lines = ["| model | mIoU | rare | minus source-long | seeds |", "|---|---|---|---|---|"]
    for name in rows[0]["metrics"]:
        miou = np.array([row["metrics"][name]["miou"] for row in rows])
        rare = np.array([row["metrics"][name]["rare"] for row in rows], float)
        gain = miou - np.array([row["metrics"][BASELINE]["miou"] for row in rows])
        lines.append(
            f"| {name} | {miou.mean():.2f} | {rare.mean():.2f} | "
            f"{gain.mean():+.2f} ± {half_width(gain):.2f} | "
            f"{', '.join(f'{g:+.2f}' for g in gain)} |"
        )
    seconds = [row["seconds"] for row in rows]
    return "\n".join([*lines, "", f"seconds a run: median {np.median(seconds):.0f}, {seconds}"])


if __name__ == "__main__":
    main()
