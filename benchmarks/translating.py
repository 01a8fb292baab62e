"""Translators in one process: learnt, kept, their images, and how close those are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from curves import Curve
from experiments import KEPT, World, digest, trained, warmed
from rows import alone

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

NONE = "none"
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


LITE = {"backbone": "timm/tf_efficientnet_lite0", "pretrained": "package:efficientnet-lite0"}
PAINTED = {"extractor": LITE, "start": "image", "iterations": 60, "step": 1.0, "alpha": 4e-6}
APPEARANCE = {"translator": "appearance", "options": PAINTED, "references": "mean"}
TRAINED: dict[str, dict[str, Any]] = {
    "appearance": APPEARANCE,
    "fastcut": learnt("fastcut", 1000),
    "cyclegan": learnt("cyclegan", 1000),
    "cycada": learnt("cycada", 1000, "source", semantic="labels"),
    "pixelda": learnt("pixelda", 1000, "source"),
    "sbada": learnt("sbada", 1000, "source"),
    "dupgan": learnt("dupgan", 1000, "source", sure=0.9),
}
TRANSLATIONS = {**MEASURED, **TRAINED}


def fitted(world: World, given: Fitting) -> list[Any]:
    """What the stage writes of a translator."""
    taxonomy, target = world.prepared.taxonomy, world.prepared.target
    (source,) = world.source
    if given.training is not None:
        return [*np.load(trained_translator(world, given))]
    more = {"classes": len(taxonomy), "segmenter": None}
    made = parts.build("translators", given.translator, given.options, **more)
    rows = [*fit_translator.run(made, target, source.size)]
    return [references.mean(rows)] if given.references == "mean" else rows


def trained_translator(world: World, given: Fitting) -> Path:
    """Where one lies, once it is trained; beside it, as .json, what each loss did."""
    assert given.training is not None
    fit = given.model_dump(exclude={"training"})
    params = world.section(train_translator.Params, "training", fit, given.training)
    sees = given.segmenter != "none"
    by = [params.model_dump(mode="json", exclude={"compute"})]
    by += [world.content[section] for section in ("source", "prepare")]
    by += [world.content["pretrain"]["source"], world.content["network"]] if sees else []
    path = KEPT / f"{world.data}-{world.seed}-{given.translator}-{digest(by)}.npy"
    with alone(path.with_suffix(".lock")):  # jobs beside each other train it once
        if not path.exists():
            looking, curve = begun(world) if sees else None, Curve(params.steps)
            of, classes = world.prepared.target, len(world.prepared.taxonomy)
            rows = fitting.fit(params, world.source, of, classes, looking, world.fabric, curve)
            path.with_suffix(".json").write_text(json.dumps(curve.means()))
            references.write(path, rows, len(rows))
    return path


def curve(world: World, given: Fitting) -> dict[str, Any]:
    """The means of each loss by tenths of the training, of one that was trained."""
    if given.training is None:
        return {}
    return {"curve": json.loads(trained_translator(world, given).with_suffix(".json").read_text())}


def translated(world: World, given: Fitting, folder: Path) -> Domain:
    """The world's source, translated into a folder."""
    (source,), taxonomy = world.source, world.prepared.taxonomy
    rows = fitted(world, given)
    several = given.training is None and given.references != "mean"  # copies would be alike
    params = translate.Params(copies=COPIES[world.data] if several else 1, seed=world.seed)
    place = folder / "fitted.npy"
    references.write(place, rows, len(rows))
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
