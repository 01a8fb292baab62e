"""Every self-training method on streets and on CamVid, beside baselines and an oracle.

    python benchmarks/ablation.py --jobs 2

All in one process a seed and data set, by the stages' own `run`s. Each method trains for as many
steps as `source-long`; what comes before its first round is shared by data and seed. Rows go to
benchmarks/results/ablation.json as they are found: run it again to go on where it stopped, or with
`--table` to only draw table and figure again.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from ablation_table import draw, table, tracking
from experiments import (
    BASELINE,
    DATA,
    ORACLE,
    Both,
    World,
    build,
    memory,
    normed,
    one_round,
    trained,
    warmed,
)
from methods import METHODS
from rich.progress import track
from rows import Row, Rows, side_by_side
from scoring import scored

from pipeline.runtime.params import derived_seed

RESULTS = Rows("ablation", "data", "seed")


def baselines(world: World) -> Iterator[tuple[str, dict[str, Any]]]:
    """source, source-long, both with the target's batch norm, and the oracle."""
    steps = {name: item["steps"] for name, item in world.content["pretrain"].items()}
    own, first = world.source, {"steps": steps["source"]}
    yield "source", scored(world, trained(world, "source", first, own))
    long = {"steps": steps["source-long"]}
    longer = trained(world, "source-long", long, own)
    yield BASELINE, scored(world, longer)
    yield "source-norm", scored(world, normed(world))
    yield (
        "target-norm",
        scored(world, warmed(world, longer, world.content["warmup"]["target-norm"])),
    )
    both = Both(*own, world.prepared.target_truth)
    yield ORACLE, scored(world, trained(world, ORACLE, long, [both]))


def run(world: World, method: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each model of a method, scored."""
    steps, teacher = METHODS[method], normed(world)
    total = world.content["retrain"]["steps"] * 3
    for number, step in enumerate(steps):
        name, own = f"round-{number + 1}", {"steps": total // len(steps)}
        if "warmup" in step:
            over = {**world.content["retrain"], **own, **step["warmup"], "from": "x"}
            over["seed"] = derived_seed(world.seed, name)
            teacher = warmed(world, teacher, over)
            yield name, scored(world, teacher)
        else:
            with tempfile.TemporaryDirectory(dir=memory()) as folder:
                teacher, labels = one_round(world, teacher, name, step, own, Path(folder))
                yield name, scored(world, teacher, labels)


def missing(rows: list[Row], data: str, seed: int) -> list[str]:
    """The methods that are not in the results yet; "" stands for the baselines."""
    done = {row["method"] for row in rows if (row["data"], row["seed"]) == (data, seed)}
    return [m for m in ("", *METHODS) if (m or ORACLE) not in done]


def work(data: str, seed: int, threads: int) -> None:
    """All that is missing of one data set and seed."""
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - bars of stages
    if not (todo := missing(RESULTS.read(), data, seed)):
        return
    torch.set_num_threads(threads)
    world = build(data, seed, threads)
    for method in todo:
        began, cpu = time.perf_counter(), time.process_time()
        found = list(run(world, method) if method else baselines(world))
        seconds = round(time.perf_counter() - began)
        rows = [
            {"method": method or name, "data": data, "seed": seed, "model": name, **metrics}
            for name, metrics in found
        ]
        rows[-1] |= {"seconds": seconds, "cpu_seconds": round(time.process_time() - cpu)}
        RESULTS.append(rows)
        last = found[-1][1]["miou"]
        print(f"{data} {seed} {method or 'baselines'}: {last:.2f}, {seconds} s", flush=True)


def main() -> None:
    """Run what is missing, then write table and figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=[*DATA], default=[*DATA])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=1, help="processes, a thread each if > 1")
    parser.add_argument("--table", action="store_true", help="only draw what is there")
    args = parser.parse_args()
    jobs = [(data, seed) for seed in args.seeds for data in args.data]
    if not args.table and args.jobs > 1:
        side_by_side(args.jobs, work, [(*job, 1) for job in jobs])
    elif not args.table:
        for job in track(jobs, "ablation"):
            work(*job, os.cpu_count() or 1)
    rows = RESULTS.read()
    for data in args.data:
        print(table(rows, data), tracking(rows, data), sep="\n\n", end="\n\n")
    draw(rows)
    print(f"CPU hours in all: {sum(r.get('cpu_seconds', 0) for r in rows) / 3600:.2f}")


if __name__ == "__main__":
    main()
