"""What a translated source gains, alone, with the target's batch norm, and before rounds.

    python benchmarks/translations.py --jobs 2                    # one seed, all measured ones
    python benchmarks/translations.py --jobs 2 --seeds 1 2 3 --translations lab --parts alone round

Each model is trained as long as `source-long` of the preset, on translations where there is a
translator. The last steps are a round of CBST in the part `round`, DACS in `online`, with masks in
`masked`, most of the steps in `early`, and a round of its labels and a teacher's in `both`.
Models of no translation are those of benchmarks/shifts.py where it has them. Rows go to
benchmarks/results/translations.json as they are found: run it again, on any day, to go on where it
stopped. A row is used again where params and code are those that it was made with (`--any-code`:
whatever the code). `--table` only prints.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import torch
from code_of import code
from experiments import BASELINE, World, build, digest, trained, warmed
from rows import Row, Rows, side_by_side
from scoring import scored_by_class
from shift_methods import METHODS, ONLINE
from shifts import NOT_RESULTS, followed
from shifts import RESULTS as SHIFTS
from translating import MEASURED, NONE, OWN, TRANSLATIONS, Learning, begun, judged
from translation_table import MODELS, report

from pipeline.model import model
from pipeline.runtime.params import validate
from pipeline.sections.fit_translator import Params as Fitting

DATA = ("rendered-camvid", "rendered-idd", "streets")
RESULTS = Rows("translations", "data", "seed")
PARTS = {
    "alone": "",
    "round": "CBST",
    "online": "DACS",
    "masked": "DACS, masked",
    "early": "DACS, early",
    "both": "both",
}  # the method that comes after
AFTER = {**METHODS, **ONLINE}
SAME = ("data", "seed", "method", "part")
COPIES = 2  # of an image, each with a reference of its own

Found = Iterator[tuple[str, dict[str, Any]]]


def alone(world: World, suffix: str) -> Found:
    """Trained on the world's source, and with the target's batch norm."""
    long = {"steps": world.content["pretrain"][BASELINE]["steps"]}
    found = trained(world, f"{BASELINE}{suffix}", long, world.source)
    yield BASELINE, scored_by_class(world, found)
    item = world.content["warmup"]["target-norm"]
    yield "target-norm", scored_by_class(world, warmed(world, found, item))


def ahead(world: World, suffix: str) -> tuple[model.Model, int]:
    """A shorter training and the target's batch norm, and the steps that are left."""
    pretrain, item = world.content["pretrain"], world.content["warmup"]["source-norm"]
    left = pretrain[BASELINE]["steps"] - pretrain["source"]["steps"] - item["steps"]
    return warmed(world, begun(world, suffix), item), left


def with_method(world: World, suffix: str, name: str) -> Found:
    """A method after it; as many steps in all."""
    for _, metrics in followed(world, AFTER[name], *ahead(world, suffix)):
        last = metrics
    yield name, last


def models(world: World, suffix: str, part: str) -> Found:
    """Of a part."""
    return with_method(world, suffix, PARTS[part]) if PARTS[part] else alone(world, suffix)


def run(world: World, name: str, part: str) -> Found:
    """Of a translation, what there is to say of it and of each model that learns from it."""
    given = TRANSLATIONS[name]
    if not given:
        yield from models(world, "", part)
        return
    params = validate(Fitting, {"segmenter": "none", **given}, name)
    like = world.source[0] if name == OWN else world.prepared.target
    towards = replace(world, prepared=replace(world.prepared, target=like))
    learning = Learning(towards, params, world.source)
    with learning.images(COPIES) as (made,):
        told = {}
        if part == "alone":
            told = {"translation": judged(world, made), **learning.told()}
        suffix = f"-{digest([name, given])}"
        own = replace(world, sources={"translated": made})
        for model_name, metrics in models(own, suffix, part):
            yield model_name, metrics | told
            told = {}


def work(data: str, seed: int, name: str, part: str, threads: int, any_code: bool) -> None:
    """The rows of a translation alone or with a round, unless they are there."""
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - bars of stages
    over = AFTER[PARTS[part]].over if PARTS[part] else {}
    world = build(data, seed, threads, over)
    content = {k: v for k, v in world.content.items() if k not in NOT_RESULTS and v}
    used = code(content, repr(TRANSLATIONS[name]))
    own = {"data": data, "seed": seed, "method": name, "part": part}
    own |= {"key": digest([content, TRANSLATIONS[name], COPIES])}
    if any(own.items() <= r.items() and (any_code or r["code"] == used) for r in RESULTS.read()):
        return
    torch.set_num_threads(threads)
    began, cpu = time.perf_counter(), time.process_time()
    found = list(run(world, name, part))
    rows = [own | {"model": each, "code": used, **metrics} for each, metrics in found]
    rows[-1] |= {"seconds": round(time.perf_counter() - began)}
    rows[-1] |= {"cpu_seconds": round(time.process_time() - cpu)}
    RESULTS.replace(rows, lambda r: tuple(r[of] for of in SAME) == (data, seed, name, part))
    scores = ", ".join(f"{each} {metrics['miou']:.2f}" for each, metrics in found)
    print(f"{data} {seed} {name}: {scores}; {rows[-1]['cpu_seconds']} s", flush=True)


def reused() -> list[Row]:
    """Rows of no translation that benchmarks/shifts.py has of the same data."""
    rows = [row for row in SHIFTS.read() if row["data"] in DATA and row["method"] in MODELS]
    return [{**row, "model": row["method"], "method": NONE} for row in rows]


def main() -> None:
    """Run what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=DATA, default=[*DATA])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--translations", nargs="+", choices=TRANSLATIONS, metavar="NAME")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=["alone"], help="see above")
    parser.add_argument("--jobs", type=int, default=1, help="processes, a thread each if > 1")
    parser.add_argument("--any-code", action="store_true", help="use rows that other code made")
    parser.add_argument("--table", action="store_true", help="only print what is there")
    args = parser.parse_args()
    threads = 1 if args.jobs > 1 else os.cpu_count() or 1
    more = (threads, args.any_code)
    names = args.translations or [*MEASURED]
    if not args.table:
        each = product(args.seeds, args.parts, names, args.data)
        wanted = [(d, s, n, p, *more) for s, p, n, d in each if n != NONE or d == "streets"]
        side_by_side(args.jobs, work, wanted)
    print(report(reused() + RESULTS.read()))


if __name__ == "__main__":
    main()
