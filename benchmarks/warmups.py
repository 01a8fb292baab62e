"""Every adversarial warm-up on streets, alone and followed by three rounds of CBST.

    python benchmarks/warmups.py --jobs 2

Each starts from `source`, the model that benchmarks/ablation.py shares among its methods, and takes
as many steps as `source-long` has more. Rows go to benchmarks/results/warmups.json as they are
found: run it again to go on where it stopped, or with `--table` to only draw the table again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ablation
import numpy as np
import pandas as pd
import torch
from ablation import BASELINE, KEPT, World, build, half_width, one_round, scored, trained

from pipeline import artifacts, model
from pipeline.params import derived_seed

RESULTS = ablation.ROOT / "benchmarks" / "results" / "warmups.json"
LONGER = "source-longer"  # as many steps as a warm-up and three rounds
CONTROL = "target-norm"  # of source-long: what batch norm does without any of the losses
TENTHS = 10
Row = dict[str, Any]

# The papers' weights were made for 120,000 steps of SGD, these are 640 of AdamW: tried on seed 1,
# with the evaluation labels in sight, were AdvEnt with 1e-2 and 1e-1, MinEnt with 1e-2. The papers'
# discriminator has five times this network's parameters, and a rate of 1e-4 teaches it little.
NARROW = {"width": 16}
MINENT = {"entropy": 1e-2}
ADVENT = {"adversarial": 1e-2, **NARROW}
OBJECTIVES: dict[str, tuple[str, dict[str, Any]]] = {
    "FCNs in the Wild": ("fcns_in_the_wild", {"adversarial": 1e-2, "size": 1e-2}),
    "AdaptSegNet": ("adaptsegnet", {"adversarial": 1e-2, **NARROW}),
    "MinEnt": ("minent", MINENT),
    "MinEnt + CP": ("minent", {**MINENT, "ratio": 1e-2}),
    "AdvEnt": ("advent", ADVENT),
    "AdvEnt + CP": ("advent", {**ADVENT, "ratio": 1e-2}),
    "CLAN": ("clan", {"adversarial": 1e-2, **NARROW}),
    "ROAD": ("road", {"pretrained": "source"}),  # the paper's stays near an ImageNet network
    # what other weights do
    "MinEnt + CP of 1": ("minent", {**MINENT, "ratio": 1.0}),
    "AdvEnt + CP of 1": ("advent", {**ADVENT, "ratio": 1.0}),
    "FCNs of 0.1, sizes of 1": ("fcns_in_the_wild", {"adversarial": 0.1, "size": 1.0}),
    "FCNs of 0.1, sizes of 0.01": ("fcns_in_the_wild", {"adversarial": 0.1, "size": 1e-2}),
    "FCNs of 0.1, no sizes": ("fcns_in_the_wild", {"adversarial": 0.1, "size": 0.0}),
    "FCNs of 0, sizes of 1": ("fcns_in_the_wild", {"adversarial": 0.0, "size": 1.0}),
}
COMMON = {"own_norm": True}
DISCRIMINATOR = {"lr": 1e-3}


class Curve:
    """A Log that keeps the mean of each term by tenths of the steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.found: dict[str, list[list[float]]] = defaultdict(lambda: [[] for _ in range(TENTHS)])

    def __call__(self, step: int, values: dict[str, float], /) -> None:
        """Add a step."""
        for key, value in values.items():
            self.found[key][step * TENTHS // self.steps].append(value)

    def means(self) -> dict[str, list[float]]:
        """By term, the mean of each tenth."""
        return {k: [round(float(np.mean(part)), 5) for part in v] for k, v in self.found.items()}


def counts(world: World) -> tuple[int, int, int]:
    """Steps of source, of source-long and of three rounds."""
    own = world.content["pretrain"]
    return own["source"]["steps"], own[BASELINE]["steps"], 3 * world.content["retrain"]["steps"]


def baselines(world: World) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """source, source-long, source-longer, and what batch norm alone makes of source-long."""
    source = world.prepared.source
    first, long, rounds = counts(world)
    for name, steps in (("source", first), (BASELINE, long), (LONGER, long + rounds)):
        yield name, name, scored(world, trained(world, name, {"steps": steps}, source))
    start = trained(world, BASELINE, {"steps": long}, source)
    adapted = ablation.warmed(world, start, world.content["warmup"]["target-norm"])
    yield CONTROL, "alone", scored(world, adapted)
    yield CONTROL, "rounds", followed(world, adapted)


def run(world: World, method: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The warm-up's model, and the last of three rounds after it."""
    first, long, _ = counts(world)
    start = trained(world, "source", {"steps": first}, world.prepared.source)
    objective, options = OBJECTIVES[method]
    if "pretrained" in options:
        options = options | {"pretrained": str(KEPT / f"{world.data}-{world.seed}-source.pt")}
    plain = {k: v for k, v in world.content["retrain"].items() if k != "options"}
    item = plain | {"objective": objective, "options": {**COMMON, **options}}
    item |= {"discriminator": DISCRIMINATOR}
    item |= {"from": "source", "steps": long - first, "seed": derived_seed(world.seed, method)}
    curve = Curve(long - first)
    found = ablation.warmed(world, start, item, curve)
    yield method, "alone", {**scored(world, found), "curve": curve.means()}
    yield method, "rounds", followed(world, found)


def followed(world: World, teacher: model.Model) -> dict[str, Any]:
    """The score after the preset's three rounds of CBST."""
    for number, step in enumerate(ablation.rounds("cbst")):
        with tempfile.TemporaryDirectory(dir=Path("/dev/shm")) as folder:
            name = f"round-{number + 1}"
            teacher, _ = one_round(world, teacher, name, step, {}, Path(folder))
    return scored(world, teacher)


def work(seed: int, method: str, threads: int) -> None:
    """The rows of a method, "" for the baselines, unless they are there."""
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - bars of stages
    if (method or CONTROL) in {row["method"] for row in read_rows() if row["seed"] == seed}:
        return
    torch.set_num_threads(threads)
    world = build("streets", seed, threads)
    found = list(run(world, method) if method else baselines(world))
    rows = [{"method": m, "seed": seed, "model": name, **more} for m, name, more in found]
    append(rows)
    scores = ", ".join(f"{r['method']} {r['model']} {r['miou']:.2f}" for r in rows)
    print(f"{seed}: {scores}", flush=True)


def read_rows() -> list[Row]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else []


def append(rows: list[Row]) -> None:
    with ablation.alone():
        both = sorted([*read_rows(), *rows], key=lambda row: row["seed"])
        artifacts.write_bytes(RESULTS, (json.dumps(both, indent=1) + "\n").encode())


# --- what came of it -----------------------------------------------------------------------


def table(rows: list[Row]) -> str:
    """Markdown: alone against source-long, and after rounds against source-longer."""
    found = pd.DataFrame(rows)
    found["entropy"] = [each["entropy"] for each in found["signals"]]
    cells = found.set_index(["method", "model", "seed"]).sort_index()
    seeds = sorted(found["seed"].unique())

    def of(name: str, kind: str, what: str = "miou") -> np.ndarray[Any, Any]:
        return cells.loc[(name, kind)].loc[seeds, what].to_numpy(float)

    long, longer = of(BASELINE, BASELINE), of(LONGER, LONGER)
    lines = [
        f"streets, seeds {', '.join(map(str, seeds))}", "",
        "| warm-up | alone | minus source-long | minus target-norm | target's entropy "
        "| discriminator right, by thirds | after rounds | minus source-longer |",
        "|---|---|---|---|---|---|---|---|",
        f"| {BASELINE} | {long.mean():.2f} | | | {of(BASELINE, BASELINE, 'entropy').mean():.3f} | "
        f"| ({LONGER}) {longer.mean():.2f} | |",
    ]  # fmt: skip
    for name in [m for m in (CONTROL, *OBJECTIVES) if m in set(found["method"])]:
        alone, rounds = of(name, "alone"), of(name, "rounds")
        control = "" if name == CONTROL else interval(alone - of(CONTROL, "alone"))
        entropy = of(name, "alone", "entropy")
        lines.append(
            f"| {name} | {alone.mean():.2f} | {interval(alone - long)} | {control} | "
            f"{interval(entropy, '.3f')} | {accuracy(rows, name)} | {rounds.mean():.2f} | "
            f"{interval(rounds - longer)} |"
        )
    return "\n".join(lines)


def interval(values: np.ndarray[Any, Any], form: str = "+.2f") -> str:
    """Mean and half of the 95 % interval."""
    return f"{values.mean():{form}} ± {half_width(values):{form.lstrip('+')}}"


def accuracy(rows: list[Row], name: str) -> str:
    """In percent, means over seeds of the first, middle and last tenths."""
    curves: list[Mapping[str, list[float]]] = [
        row["curve"] for row in rows if row["method"] == name and "curve" in row
    ]
    told = [curve["accuracy"] for curve in curves if "accuracy" in curve]
    if not told:
        return ""
    mean = 100 * np.mean(told, 0)
    return ", ".join(f"{mean[part].mean():.0f}" for part in (slice(3), slice(3, 7), slice(7, None)))


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--methods", nargs="+", choices=[*OBJECTIVES], default=[*OBJECTIVES])
    parser.add_argument("--jobs", type=int, default=1, help="processes, a thread each if > 1")
    parser.add_argument("--table", action="store_true", help="only print what is there")
    args = parser.parse_args()
    jobs = [(seed, method) for method in ("", *args.methods) for seed in args.seeds]
    threads = 1 if args.jobs > 1 else os.cpu_count() or 1
    if not args.table:
        ablation.side_by_side(args.jobs, work, [(*job, threads) for job in jobs])
    print(table(read_rows()))


if __name__ == "__main__":
    main()
