"""What objectives of several sources gain over each source alone, and over both combined.

    python benchmarks/several.py --jobs 2
    python benchmarks/several.py --data streets-several --jobs 2 --of reasons

Each takes as many steps as `source-long`, which has both sources; what methods begin with is shared
by data and seed. Rows go to benchmarks/results/several.json as they are found: run it again to go
on where it stopped. A row is used again where params, device and code are those that it was made
with (`--any-code`: whatever the code). `--table` only prints.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from code_of import code
from experiments import BASELINE, ORACLE, Both, World, build, digest, trained, warmed
from rows import ROOT, Rows, side_by_side
from scoring import scored_by_class
from several_table import ALONE, COMBINED, NORM, report
from translating import Learning, begun, learnt

from pipeline.domain.samples import Domain
from pipeline.model import model
from pipeline.runtime.contents import overlay
from pipeline.runtime.params import derived_seed, read, validate
from pipeline.sections.fit_translator import Params as Fitting

DATA = ("streets-several", "rendered-camvid-idd")
METHODS: dict[str, tuple[str, dict[str, Any]]] = {  # of the preset's warm-ups, and what is changed
    "no terms": ("mdan", {"objective": "minent", "options": {"entropy": 0.0, "own_norm": True}}),
    "MDAN": ("mdan", {}),
    "MDAN, hard": ("mdan", {"options": {"form": "hard"}}),
    "DCTN": ("deep-cocktail", {}),
    "MMN": ("moment-matching", {}),
    "MMN, one classifier": ("moment-matching", {"options": {"classifiers": False}}),
    "collaborative": ("collaborative", {}),
}
ALIGNED = {"adversarial": 1e-2, "by_class": False, "own_norm": True}
TRANSLATED: dict[str, dict[str, Any]] = {  # options of both games' translator
    "MADAN": {},
    "MADAN, no aggregation of sub-domains": {"sad": 0.0},
    "MADAN, no aggregation across cycles": {"ccd": 0.0},
    "MADAN, no semantic consistency": {"consistency": 0.0},
    "MADAN, consistency not dynamic": {"dynamic": False},
    "MADAN, no alignment": {},
}
METHODS |= {name: ("mdan", {"objective": "madan", "options": ALIGNED}) for name in TRANSLATED}
METHODS["MADAN, no alignment"] = METHODS["no terms"]
CONTINUED: dict[str, dict[str, Any]] = {  # as warm-ups train, without the target; for --of reasons
    "continued": {},
    "continued, two images a step": {"batch": 2},  # as many of the sources' as a warm-up has
    "continued, first rate": {"optimiser": {"lr": 4e-3}},  # that of source-long
}
SOURCE_ONLY = {"objective": "source_only", "source_share": 1.0}
METHODS |= {name: ("mdan", {**SOURCE_ONLY, **over}) for name, over in CONTINUED.items()}
REASONS = ("no terms", *CONTINUED)
REAL = ("no terms", "MDAN", "DCTN", "MMN", "MADAN")
RESULTS = Rows("several", "data", "device", "seed")
NOT_RESULTS = ("compute", "panels", "gallery", "seed")

Found = Iterator[tuple[str, dict[str, Any]]]


def steps(world: World, name: str) -> int:
    """Of a model of a source."""
    return int(world.content["pretrain"][name]["steps"])


def combined(world: World) -> list[Domain]:
    """The sources, which take turns."""
    return world.of(world.content["pretrain"][COMBINED]["source"])


def baselines(world: World) -> Found:
    """Both sources, as methods start and for as long, the target's batch norm, and the oracle."""
    long, sources = {"steps": steps(world, BASELINE)}, combined(world)
    yield COMBINED, scored_by_class(world, begun(world, item=COMBINED, sources=sources))
    found = trained(world, BASELINE, long, sources)
    yield BASELINE, scored_by_class(world, found)
    yield NORM, scored_by_class(world, normed(world, found, sources))
    both = Both(*sources, world.prepared.target_truth)
    yield ORACLE, scored_by_class(world, trained(world, ORACLE, long, [both]))


def normed(world: World, found: model.Model, sources: list[Domain]) -> model.Model:
    """A model with the target's statistics."""
    return warmed(world, found, world.content["warmup"][NORM], sources=sources)


def alone(world: World, name: str) -> Found:
    """One source for as long, and with the target's batch norm."""
    own = [world.sources[name]]
    found = trained(world, name, {"steps": steps(world, BASELINE)}, own)
    yield f"{name}{ALONE}", scored_by_class(world, found)
    yield f"{name}{ALONE}, {NORM}", scored_by_class(world, normed(world, found, own))


def adapted(world: World, method: str) -> Found:
    """A warm-up from both combined, of the steps that are left; from translations where it says."""
    sources, given = combined(world), item(world.content, method, world.seed)
    if method not in TRANSLATED:
        found = warmed(world, begun(world, item=COMBINED, sources=sources), given, sources=sources)
        if method in CONTINUED:
            found = normed(world, found, sources)
        yield method, scored_by_class(world, found)
        return
    fit = translator(method)
    learning = Learning(world, validate(Fitting, fit, method), sources, COMBINED)
    with learning.images() as made:
        start = begun(world, f"-{digest(fit)}", COMBINED, made)
        found = warmed(world, start, given, sources=made)
        yield method, scored_by_class(world, found) | learning.told()


def translator(method: str) -> dict[str, Any]:
    """Of the sizes and steps of streets-madan; its generators begin as the identity."""
    fit = learnt("madan", 600, COMBINED, **TRANSLATED[method])
    crops = {"crop_width": 96, "crop_height": 96}
    return overlay(fit, {"training": {"batch": 2, "augment": crops}})


def item(content: Mapping[str, Any], method: str, seed: int) -> dict[str, Any]:
    """The warm-up of a method; options are laid over the preset's where the objective is its."""
    name, changes = METHODS[method]
    given = dict(content["warmup"][name])
    if "objective" in changes:
        given.pop("options")
    left = content["pretrain"][BASELINE]["steps"] - content["pretrain"][COMBINED]["steps"]
    return overlay(overlay(given, changes), {"steps": left, "seed": derived_seed(seed, method)})


def run(world: World, job: str) -> Found:
    """What a job finds: of the baselines, of a source by its name, or of a method."""
    if job == ORACLE:
        return baselines(world)
    return alone(world, job) if job in world.sources else adapted(world, job)


def work(data: str, seed: int, job: str, threads: int, any_code: bool) -> None:
    """The rows of a job, unless they are there."""
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - bars of stages
    world = build(data, seed, threads)
    content = {key: value for key, value in world.content.items() if key not in NOT_RESULTS}
    given = item(world.content, job, seed) if job in METHODS else {}
    of = [given, translator(job)] if job in TRANSLATED else given
    used = code(content, of)
    own = {"data": data, "seed": seed, "job": job, "key": digest([content, of]), "device": device()}
    if any(own.items() <= r.items() and (any_code or r["code"] == used) for r in RESULTS.read()):
        return
    torch.set_num_threads(threads)
    began, cpu = time.perf_counter(), time.process_time()
    found = list(run(world, job))
    rows = [own | {"method": method, "code": used, **metrics} for method, metrics in found]
    rows[-1] |= {"seconds": round(time.perf_counter() - began)}
    rows[-1] |= {"cpu_seconds": round(time.process_time() - cpu)}
    same = ("data", "seed", "job", "device")
    RESULTS.replace(rows, lambda r: all(r[key] == own[key] for key in same))
    scores = ", ".join(f"{name} {metrics['miou']:.2f}" for name, metrics in found)
    print(f"{data} {seed}: {scores}; {rows[-1]['cpu_seconds']} s", flush=True)


def device() -> str:
    """Rows of different ones are not compared."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def jobs(args: argparse.Namespace) -> list[tuple[str, int, str]]:
    """What is asked for, all baselines first, by seed."""
    found = []
    for seed in args.seeds:
        for data in args.data:
            names = [*read(ROOT / "presets" / f"{data}.yaml")["source"]]
            methods = [m for m in args.methods if data == DATA[0] or m in REAL]
            own = REASONS if args.of == "reasons" else (*names, *methods)
            found += [(data, seed, job) for job in (ORACLE, *own)]
    return found


def main() -> None:
    """Run what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=DATA, default=[*DATA])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    usual = [method for method in METHODS if method not in CONTINUED]
    parser.add_argument("--of", choices=("methods", "reasons"), default="methods")
    parser.add_argument("--methods", nargs="+", choices=usual, default=usual)
    parser.add_argument("--jobs", type=int, default=1, help="processes, a thread each if > 1")
    parser.add_argument("--any-code", action="store_true", help="use rows that other code made")
    parser.add_argument("--table", action="store_true", help="only print what is there")
    args = parser.parse_args()
    threads = 1 if args.jobs > 1 else os.cpu_count() or 1
    if not args.table:
        work_ = [(*job, threads, args.any_code) for job in jobs(args)]
        side_by_side(args.jobs, work, work_)
    print(report(RESULTS.read()))


if __name__ == "__main__":
    main()
