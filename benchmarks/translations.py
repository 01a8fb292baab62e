"""What a translated source gains, alone, with the target's batch norm, and before rounds.

    python benchmarks/translations.py --jobs 2                    # one seed, all measured ones
    python benchmarks/translations.py --jobs 2 --seeds 1 2 3 --translations lab --rounds

Each model is trained as long as `source-long` of the preset, on translations where there is a
translator; `--rounds` has a round of CBST instead of its last steps. Models of no translation are
those of benchmarks/shifts.py where it has them. Rows go to benchmarks/results/translations.json as
they are found: run it again, on any day, to go on where it stopped. A row is used again where
params and code are those that it was made with (`--any-code`: whatever the code). `--table` only
prints.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import torch
from code_of import code
from experiments import (
    BASELINE,
    World,
    build,
    digest,
    memory,
    one_round,
    silent,
    trained,
    warmed,
)
from rows import Row, Rows, side_by_side
from scoring import scored_by_class
from shifts import NOT_RESULTS, of_round
from shifts import RESULTS as SHIFTS
from translation_table import MODELS, NONE, report

from pipeline.domain.samples import Domain
from pipeline.evaluation import structure
from pipeline.model import model
from pipeline.runtime import parts
from pipeline.runtime.params import validate
from pipeline.sections import train_translator
from pipeline.sections.evaluate_translation import Params as Judging
from pipeline.sections.fit_translator import Params as Fitting
from pipeline.stages import evaluate_translation, fit_translator, translate
from pipeline.training import fitting
from pipeline.translation import references

DATA = ("rendered-camvid", "rendered-idd", "streets")
RESULTS = Rows("translations", "data", "seed")
SAME = ("data", "seed", "method", "part")
COPIES = {"rendered-camvid": 2, "rendered-idd": 2, "streets": 2}

GPA = {"lightness": "gamma", "colour": "histogram"}
MEASURED: dict[str, dict[str, Any]] = {
    NONE: {},
    "lab": {"translator": "lab"},
    "lab, transport": {"translator": "lab", "options": {"transport": True}},
    "GPA's coarse step": {"translator": "lab", "options": GPA},
    "histogram": {"translator": "histogram"},
    "fda": {"translator": "fda"},
}


def learnt(translator: str, steps: int, segmenter: str = "none", **options: Any) -> dict[str, Any]:
    """A translator that is trained, of sizes that two cores can pay for."""
    networks = {"width": 16, "blocks": 4, "discriminator": 16, "layers": 2, "residual": True}
    crops = {"crop_width": 128, "crop_height": 128, "scale": [0.9, 1.1], "flip": 0.5}
    training = {"steps": steps, "augment": crops, "log_every": 10}
    training |= {"optimiser": {"lr": 1e-3}, "discriminator": {"lr": 1e-3}}
    given = {"translator": translator, "segmenter": segmenter, "training": training}
    return {**given, "options": {"networks": networks, **options}}


TRAINED = {
    "fastcut": learnt("fastcut", 1000),
    "cyclegan": learnt("cyclegan", 1000),
    "cycada": learnt("cycada", 1000, "source"),
}
TRANSLATIONS = {**MEASURED, **TRAINED}

Found = Iterator[tuple[str, dict[str, Any]]]


def fitted(world: World, given: Fitting) -> list[Any]:
    """What the stage writes of a translator."""
    taxonomy, target = world.prepared.taxonomy, world.prepared.target
    (source,) = world.source
    if given.training is None:
        more = {"classes": len(taxonomy), "segmenter": None}
        made = parts.build("translators", given.translator, given.options, **more)
        return [*fit_translator.run(made, target, source.size)]
    fit = given.model_dump(exclude={"training"})
    params = world.section(train_translator.Params, "training", fit, given.training)
    looking = None if given.segmenter == "none" else begun(world)
    return fitting.fit(params, [source], target, len(taxonomy), looking, world.fabric, silent)


def translated(world: World, given: Fitting, folder: Path) -> Domain:
    """The world's source, translated into a folder."""
    (source,), taxonomy = world.source, world.prepared.taxonomy
    rows = fitted(world, given)
    copies = 1 if given.training else COPIES[world.data]
    params = translate.Params(copies=copies, seed=world.seed)
    references.write(folder / "fitted.npy", rows, len(rows))
    place = folder / "fitted.npy"
    writer = translate.Writer(params, "translated", source, given, place, taxonomy, folder)
    samples = [sample for one in translate.run(writer) for sample in one.samples]
    coding = translate.coding(len(taxonomy))
    return Domain(samples, folder, source.size, coding, memory=source.memory)


def begun(world: World, suffix: str = "") -> model.Model:
    """What rounds begin with, of the world's source."""
    steps = {"steps": world.content["pretrain"]["source"]["steps"]}
    return trained(world, f"source{suffix}", steps, world.source)


def judged(world: World, made: Domain) -> dict[str, Any]:
    """What evaluate_translation finds: KID, colours, mIoU of two models before and after."""
    params = validate(Judging, {"model": "x", "adapted": "y", "seed": world.seed}, "judging")
    sources = {"source": world.source[0]}
    of = evaluate_translation.chosen(params.images, sources, [made], world.prepared.target)
    looking = begun(world)
    adapted = warmed(world, begun(world), world.content["warmup"]["source-norm"])
    judges = {role: structure.Judge(world.prepared.taxonomy) for role in ("model", "adapted")}
    for role, each in (("model", looking), ("adapted", adapted)):
        pairs = evaluate_translation.predictions(params, each, of, world.fabric)
        for index, pair in enumerate(pairs):
            judges[role].add(of.source.label(index), *pair)
    table = evaluate_translation.close(params, of, begun(world), world.fabric)
    return evaluate_translation.told(params, table, judges)


def alone(world: World, suffix: str) -> Found:
    """Trained on the world's source, and with the target's batch norm."""
    long = {"steps": world.content["pretrain"][BASELINE]["steps"]}
    found = trained(world, f"{BASELINE}{suffix}", long, world.source)
    yield BASELINE, scored_by_class(world, found)
    item = world.content["warmup"]["target-norm"]
    yield "target-norm", scored_by_class(world, warmed(world, found, item))


def with_round(world: World, suffix: str) -> Found:
    """A round from a shorter training and the target's batch norm; as many steps in all."""
    pretrain, warmups = world.content["pretrain"], world.content["warmup"]
    long = {"steps": pretrain[BASELINE]["steps"]}
    teacher = warmed(world, begun(world, suffix), warmups["source-norm"])
    left = long["steps"] - pretrain["source"]["steps"] - warmups["source-norm"]["steps"]
    with tempfile.TemporaryDirectory(dir=memory()) as folder:
        step, own = of_round(world, {}), {"steps": left}
        student, labels = one_round(world, teacher, "round-1", step, own, Path(folder))
        yield "CBST", scored_by_class(world, student, labels)


PARTS: dict[str, Callable[[World, str], Found]] = {"alone": alone, "round": with_round}


def run(world: World, name: str, part: str) -> Found:
    """Of a translation, what there is to say of it and of each model that learns from it."""
    given = TRANSLATIONS[name]
    if not given:
        yield from PARTS[part](world, "")
        return
    params = validate(Fitting, {"segmenter": "none", **given}, name)
    with tempfile.TemporaryDirectory(dir=memory()) as folder:
        made = translated(world, params, Path(folder))
        told = {"translation": judged(world, made)} if part == "alone" else {}
        suffix = f"-{digest([name, given])}"
        own = replace(world, sources={"translated": made})
        for model_name, metrics in PARTS[part](own, suffix):
            yield model_name, metrics | told
            told = {}


def work(data: str, seed: int, name: str, part: str, threads: int, any_code: bool) -> None:
    """The rows of a translation alone or with a round, unless they are there."""
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - bars of stages
    world = build(data, seed, threads)
    content = {k: v for k, v in world.content.items() if k not in NOT_RESULTS and v}
    used = code(content, repr(TRANSLATIONS[name]))
    own = {"data": data, "seed": seed, "method": name, "part": part}
    own |= {"key": digest([content, TRANSLATIONS[name], COPIES[data]])}
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
    parser.add_argument("--rounds", action="store_true", help="a round from each, too")
    parser.add_argument("--jobs", type=int, default=1, help="processes, a thread each if > 1")
    parser.add_argument("--any-code", action="store_true", help="use rows that other code made")
    parser.add_argument("--table", action="store_true", help="only print what is there")
    args = parser.parse_args()
    threads = 1 if args.jobs > 1 else os.cpu_count() or 1
    more = (threads, args.any_code)
    names = args.translations or [*MEASURED]
    if not args.table:
        parts_of = [*PARTS] if args.rounds else ["alone"]
        each = product(args.seeds, parts_of, names, args.data)
        wanted = [(d, s, n, p, *more) for s, p, n, d in each if n != NONE or d == "streets"]
        side_by_side(args.jobs, work, wanted)
    print(report(reused() + RESULTS.read()))


if __name__ == "__main__":
    main()
