"""AdvEnt, MinEnt and the mean of both on streets, as in ADVENT's table.

    python benchmarks/means.py

The warm-ups are those of benchmarks/warmups.py, made again. Rows go to
benchmarks/results/means.json as they are found: run it again to go on where it stopped, or with
`--table` to only draw the table.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np
import torch
from curves import Curve
from experiments import BASELINE, build
from rows import Row, Rows, side_by_side
from scoring import scored
from tables import interval
from warmups import adapted, counts, made

from pipeline.model import model

RESULTS = Rows("means", "seed")
PARTS = ("AdvEnt", "MinEnt")
CONTROL = "target-norm"
BOTH, OF_CONTROL = "AdvEnt + MinEnt", "AdvEnt + target-norm"


def work(seed: int, threads: int) -> None:
    """The rows of a seed, unless they are there."""
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - bars of stages
    if seed in {row["seed"] for row in RESULTS.read()}:
        return
    torch.set_num_threads(threads)
    world = build("streets", seed, threads)
    first, long, _ = counts(world)
    found = {name: made(world, name, Curve(long - first)) for name in PARTS}
    found[CONTROL] = adapted(world, BASELINE, {})
    found[BOTH] = model.mean(found["AdvEnt"], found["MinEnt"])
    found[OF_CONTROL] = model.mean(found["AdvEnt"], found[CONTROL])  # what any two models gain
    rows = [{"method": n, "seed": seed, **scored(world, each)} for n, each in found.items()]
    RESULTS.append(rows)
    scores = ", ".join(f"{row['method']} {row['miou']:.2f}" for row in rows)
    print(f"{seed}: {scores}", flush=True)


def table(rows: list[Row]) -> str:
    """Markdown: each model's mIoU, and what the mean has more."""
    seeds = sorted({row["seed"] for row in rows})
    of = {
        name: np.array(
            [r["miou"] for s in seeds for r in rows if (r["method"], r["seed"]) == (name, s)]
        )
        for name in (CONTROL, *PARTS, BOTH, OF_CONTROL)
    }
    lines = [
        f"streets, seeds {', '.join(map(str, seeds))}",
        "",
        "| model | mIoU | AdvEnt + MinEnt, over it |",
    ]
    lines.append("|---|---|---|")
    for name, own in of.items():
        less = "" if name == BOTH else interval(of[BOTH] - own)
        lines.append(f"| {name} | {own.mean():.2f} | {less} |")
    return "\n".join(lines)


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=1, help="processes, a thread each if > 1")
    parser.add_argument("--table", action="store_true", help="only print what is there")
    args = parser.parse_args()
    threads = 1 if args.jobs > 1 else os.cpu_count() or 1
    if not args.table:
        side_by_side(args.jobs, work, [(seed, threads) for seed in args.seeds])
    if rows := RESULTS.read():
        print(table(rows))


if __name__ == "__main__":
    main()
