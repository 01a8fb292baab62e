"""Every adversarial warm-up on streets, alone and followed by three rounds of CBST.

    python benchmarks/warmups.py --jobs 2

Each starts from `source`, the model that benchmarks/ablation.py shares among its methods, and takes
as many steps as `source-long` has more. A control, `no terms`, has the same steps with the source's
loss alone. Rows go to benchmarks/results/warmups.json as they are found: run it again to go on
where it stopped, or with `--table` to only draw the table again.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import methods
import torch
from curves import Curve
from domain_gap import told
from experiments import BASELINE, World, build, kept, memory, one_round, trained, warmed
from rows import Rows, side_by_side
from scoring import scored
from warmup_methods import (
    ALL,
    AUX_CONTROL,
    COMMON,
    CONTROL,
    DISCRIMINATOR,
    LONGER,
    OBJECTIVES,
    TWO_LEVELS,
    WITH_CONTROL,
)
from warmup_table import table

from pipeline.model import model
from pipeline.runtime.params import derived_seed

RESULTS = Rows("warmups", "seed")


def counts(world: World) -> tuple[int, int, int]:
    """Steps of source, of source-long and of three rounds."""
    own = world.content["pretrain"]
    return own["source"]["steps"], own[BASELINE]["steps"], 3 * world.content["retrain"]["steps"]


def baselines(world: World) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """source, source-long, source-longer, and what batch norm alone makes of source-long."""
    source = world.source
    first, long, rounds = counts(world)
    for name, steps in (("source", first), (BASELINE, long), (LONGER, long + rounds)):
        yield name, name, scored(world, trained(world, name, {"steps": steps}, source))
    yield from control(world, CONTROL, BASELINE, {})
    yield CONTROL, "rounds", followed(world, adapted(world, BASELINE, {}))


def control(
    world: World, method: str, name: str, network: Mapping[str, Any]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Of a warm-up: a model trained on the source for as long, and the target's batch norm."""
    found = adapted(world, name, network)
    yield method, "alone", {**scored(world, found), "told": told(world, found)}


def adapted(world: World, name: str, network: Mapping[str, Any]) -> model.Model:
    """source-long with the target's statistics."""
    start = trained(world, name, {"steps": counts(world)[1], **network}, world.source)
    return warmed(world, start, world.content["warmup"]["target-norm"])


def made(world: World, method: str, log: Curve) -> model.Model:
    """The warm-up's model."""
    first, long, _ = counts(world)
    network = with_aux(world) if method in TWO_LEVELS else {}
    name = "source-aux" if network else "source"
    start = trained(world, name, {"steps": first, **network}, world.source)
    objective, options = ALL[method]
    if "pretrained" in options:
        options = options | {"pretrained": str(kept(world, "source", {"steps": first}))}
    plain = {k: v for k, v in world.content["retrain"].items() if k != "options"}
    item = plain | {"objective": objective, "options": {**COMMON, **options}}
    item |= {"discriminator": DISCRIMINATOR}
    item |= {"from": "source", "steps": long - first, "seed": derived_seed(world.seed, method)}
    return warmed(world, start, item, log)


def run(world: World, method: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The warm-up's model, and the last of three rounds after it."""
    curve = Curve(counts(world)[1] - counts(world)[0])
    found = made(world, method, curve)
    more = {"curve": curve.means(), "told": told(world, found)}
    yield method, "alone", {**scored(world, found), **more}
    if method in OBJECTIVES:
        yield method, "rounds", followed(world, found)


def with_aux(world: World) -> dict[str, Any]:
    """The preset's network with an auxiliary head."""
    return {"network": {**world.content["network"], "options": {"aux": True}}}


def followed(world: World, teacher: model.Model) -> dict[str, Any]:
    """The score after the preset's three rounds of CBST."""
    for number, step in enumerate(methods.rounds("cbst")):
        with tempfile.TemporaryDirectory(dir=memory()) as folder:
            name = f"round-{number + 1}"
            teacher, _ = one_round(world, teacher, name, step, {}, Path(folder))
    return scored(world, teacher)


def work(seed: int, method: str, threads: int) -> None:
    """The rows of a method, "" for the baselines, unless they are there."""
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - bars of stages
    if (method or LONGER) in {row["method"] for row in RESULTS.read() if row["seed"] == seed}:
        return
    torch.set_num_threads(threads)
    world = build("streets", seed, threads)
    if method == AUX_CONTROL:
        found = list(control(world, method, "source-long-aux", with_aux(world)))
    else:
        found = list(run(world, method) if method else baselines(world))
    rows = [{"method": m, "seed": seed, "model": name, **more} for m, name, more in found]
    RESULTS.append(rows)
    scores = ", ".join(f"{r['method']} {r['model']} {r['miou']:.2f}" for r in rows)
    print(f"{seed}: {scores}", flush=True)


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--methods", nargs="+", choices=[*WITH_CONTROL], default=WITH_CONTROL)
    parser.add_argument("--jobs", type=int, default=1, help="processes, a thread each if > 1")
    parser.add_argument("--table", action="store_true", help="only print what is there")
    args = parser.parse_args()
    jobs = [(seed, method) for method in ("", *args.methods) for seed in args.seeds]
    threads = 1 if args.jobs > 1 else os.cpu_count() or 1
    if not args.table:
        side_by_side(args.jobs, work, [(*job, threads) for job in jobs])
    print(table(RESULTS.read()))


if __name__ == "__main__":
    main()
