"""What adaptation gains on real shifts, with a pretrained backbone.

    python benchmarks/shifts.py --jobs 2

Each method takes as many steps as `source-long`, and what methods begin with is shared by data and
seed. Rows go to benchmarks/results/shifts.json as they are found: run it again, on any day, to go
on where it stopped. A row is used again where params and code are those that it was made with
(`--any-code`: whatever the code). `--of` takes another set: `online` self-training, what was
`tried` before the presets were frozen, experiments on the `reasons` for what was missed. Results
are printed and drawn; `--table` does only that.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from code_of import code
from experiments import (
    BASELINE,
    ORACLE,
    Both,
    World,
    build,
    digest,
    memory,
    one_round,
    trained,
    warmed,
)
from rows import Rows, side_by_side
from scoring import scored_by_class
from shift_methods import METHODS, ONLINE, REASONS, TRIED, Method
from shift_table import SEEN, draw, report

from pipeline.model import model
from pipeline.runtime.contents import overlay
from pipeline.runtime.params import derived_seed

FULL = ("rendered-camvid", "camvid-dusk")
SHORT = ("rendered-idd", "camvid-idd", "drive-chase")
WORLD = "streets"  # online self-training alone
FEW_ROWS = ("CBST", "MinEnt + CBST")
RESULTS = Rows("shifts", "data", "seed")
SETS: dict[str, tuple[Mapping[str, Method], Rows]] = {
    "methods": (METHODS, RESULTS),
    "online": (ONLINE, RESULTS),
    "tried": (TRIED, Rows("shifts_tried", "data", "seed")),
    "reasons": (REASONS, Rows("shifts_reasons", "data", "seed")),
}
NOT_RESULTS = ("compute", "panels", "gallery", "seed")

Found = Iterator[tuple[str, dict[str, Any]]]


def baselines(world: World) -> Found:
    """source, source-long, both with the target's batch norm, and the oracle."""
    steps = {name: {"steps": item["steps"]} for name, item in world.content["pretrain"].items()}
    for name in ("source", BASELINE):
        found = trained(world, name, steps[name], world.source)
        yield name, scored_by_class(world, found)
        kind = "source-norm" if name == "source" else "target-norm"
        yield kind, scored_by_class(world, warmed(world, found, world.content["warmup"][kind]))
    both = Both(*world.source, world.prepared.target_truth)
    yield ORACLE, scored_by_class(world, trained(world, ORACLE, steps[BASELINE], [both]))


def first(world: World, method: Method) -> tuple[model.Model, int]:
    """What a method starts from, and how many steps are left to it."""
    pretrain = {name: item["steps"] for name, item in world.content["pretrain"].items()}
    found = trained(world, "source", {"steps": pretrain["source"]}, world.source)
    left = pretrain[BASELINE] - pretrain["source"]
    if method.start == "source":
        return found, left
    item = world.content["warmup"][method.start]
    return warmed(world, found, item), left - item["steps"]


def run(world: World, method: Method) -> Found:
    """Each model of a method, scored."""
    if not method.steps:
        yield from baselines(world)
        return
    yield from followed(world, method, *first(world, method))


def followed(world: World, method: Method, teacher: model.Model, left: int) -> Found:
    """Each model of a method's steps from a model on, in so many steps of training."""
    shares = method.of or [1 / len(method.steps)] * len(method.steps)
    for number, (step, share) in enumerate(zip(method.steps, shares, strict=True)):
        name, own, log = f"round-{number + 1}", {"steps": round(left * share)}, Seen()
        if "warmup" in step:
            over = {**step["warmup"], **own, "from": "x", "seed": derived_seed(world.seed, name)}
            teacher = warmed(world, teacher, over, log)
            yield name, scored_by_class(world, teacher) | log.means()
        else:
            with tempfile.TemporaryDirectory(dir=memory()) as folder:
                stages = of_round(world, step["round"])
                teacher, labels = one_round(world, teacher, name, stages, own, Path(folder), log)
                yield name, scored_by_class(world, teacher, labels) | log.means()


class Seen(list[dict[str, float]]):
    """What an online objective sees in each step."""

    def __call__(self, step: int, values: dict[str, float]) -> None:
        """A training's log."""
        self.append({key: value for key, value in values.items() if key in SEEN})

    def means(self) -> dict[str, dict[str, float]]:
        """Over the last tenth of the steps; nothing of other objectives."""
        last = self[-max(1, len(self) // 10) :]
        found = {key: sum(each[key] for each in last) / len(last) for key in last[-1]}
        return {"seen": found} if found else {}


def of_round(world: World, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The preset's first round, changed."""
    given = next(iter(world.content["rounds"].values()))
    shared = {"retrain": {"options": world.content["retrain"]["options"]}}
    stages = overlay(overlay(shared, given), changes)
    stages["retrain"].pop("source", None)
    options = stages["retrain"].pop("options")
    if options is not None:  # None leaves the preset's out, all of them or one
        kept = {key: value for key, value in options.items() if value is not None}
        stages["retrain"]["options"] = kept
    return stages


def key(content: Mapping[str, Any], method: Method | None) -> str:
    """Of the params that a method's rows depend on; a section of nothing is no other one."""
    given = {name: value for name, value in content.items() if name not in NOT_RESULTS and value}
    return digest([given, repr(method)])


def work(data: str, seed: int, method: str, threads: int, of: str, any_code: bool) -> None:
    """The rows of a method of a set, "" for the baselines, unless they are there."""
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - bars of stages
    methods, results = SETS[of]
    given = methods.get(method)
    world = build(data, seed, threads, given.over if given else {})
    own = {"data": data, "seed": seed, "method": method or ORACLE}
    own |= {"key": key(world.content, given)}
    used = code(world.content, repr(given))
    if any(own.items() <= r.items() and (any_code or r["code"] == used) for r in results.read()):
        return
    torch.set_num_threads(threads)
    began, cpu = time.perf_counter(), time.process_time()
    found = list(run(world, given) if given else baselines(world))
    last = {"seconds": round(time.perf_counter() - began)}
    last |= {"cpu_seconds": round(time.process_time() - cpu)}
    rows = [
        own | {"method": method or name, "model": name, "code": used, **metrics}
        for name, metrics in found
    ]
    rows[-1] |= last
    names = {row["method"] for row in rows}
    results.replace(rows, lambda r: (r["data"], r["seed"]) == (data, seed) and r["method"] in names)
    scores = ", ".join(f"{name} {metrics['miou']:.2f}" for name, metrics in found)
    print(f"{data} {seed} {method or 'baselines'}: {scores}; {last['cpu_seconds']} s", flush=True)


def jobs(args: argparse.Namespace) -> list[tuple[str, int, str]]:
    """What is asked for, all baselines first, and all data by seed; reasons have their own."""
    found, first = [], [] if args.of == "reasons" else [""]
    for seed in args.seeds:
        for method in (*first, *args.methods):
            for data in args.data:
                if data in (*FULL, WORLD) or method in ("", *FEW_ROWS):
                    found.append((data, seed, method))
    return found


def main() -> None:
    """Run what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", nargs="+", choices=[*FULL, *SHORT, WORLD], default=[*FULL, *SHORT]
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--of", choices=SETS, default="methods", help="a set of methods")
    parser.add_argument("--methods", nargs="+", metavar="METHOD", help="some of the set")
    parser.add_argument("--jobs", type=int, default=1, help="processes, a thread each if > 1")
    parser.add_argument("--any-code", action="store_true", help="use rows that other code made")
    parser.add_argument("--table", action="store_true", help="only print and draw what is there")
    args = parser.parse_args()
    methods, results = SETS[args.of]
    args.methods = args.methods or [*methods]
    if unknown := {*args.methods} - {*methods}:
        parser.error(f"{', '.join(unknown)}: not of {args.of}, which has {', '.join(methods)}")
    threads = 1 if args.jobs > 1 else os.cpu_count() or 1
    if not args.table:
        more = (threads, args.of, args.any_code)
        side_by_side(args.jobs, work, [(*job, *more) for job in jobs(args)])
    print(report(results.read()))
    if results is RESULTS:
        draw(results.read())


if __name__ == "__main__":
    main()
