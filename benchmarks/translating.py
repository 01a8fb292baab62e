"""Translators in one process: learnt, kept, their images, and how close those are."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from curves import Curve
from experiments import KEPT, World, digest, memory, trained, warmed
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
OWN = "fda of the source"  # a control: varied as much, but by no target

GPA = {"lightness": "gamma", "colour": "histogram"}
MEASURED: dict[str, dict[str, Any]] = {
    NONE: {},
    "lab": {"translator": "lab"},
    "lab, transport": {"translator": "lab", "options": {"transport": True}},
    "GPA's coarse step": {"translator": "lab", "options": GPA},
    "histogram": {"translator": "histogram"},
    "fda": {"translator": "fda"},
    OWN: {"translator": "fda"},
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


@dataclass(frozen=True)
class Learning:
    """Translators of sources, and the item of pretrain, of the same sources, that they look by."""

    world: World
    given: Fitting
    sources: list[Domain]
    item: str = "source"

    @property
    def slow(self) -> bool:
        """Whether it is one row that takes long: it is kept, and copies would be alike."""
        return self.given.training is not None or self.given.references == "mean"

    def model(self) -> model.Model:
        """The item's, before it is adapted."""
        return begun(self.world, item=self.item, sources=self.sources)

    def training(self) -> train_translator.Params:
        """Of one that is trained."""
        fit = self.given.model_dump(exclude={"training"})
        assert self.given.training is not None
        return self.world.section(train_translator.Params, "training", fit, self.given.training)

    @property
    def place(self) -> Path:
        """Where images lie if it is slow, and beside them what was learnt."""
        world = self.world
        params = self.given if self.given.training is None else self.training()
        by = [params.model_dump(mode="json", exclude={"compute"})]
        by += [world.content[section] for section in ("source", "prepare")]
        if self.given.segmenter != "none":
            by += [world.content["pretrain"][self.item], world.content["network"]]
        return KEPT / f"{world.data}-{world.seed}-{self.given.translator}-{digest(by)}"

    def kept(self) -> Path:
        """What was learnt, once it was; beside it, as .json, what each loss did."""
        path, world, params = self.place.with_suffix(".npy"), self.world, self.training()
        with alone(path.with_suffix(".lock")):  # jobs beside each other train it once
            if not path.exists():
                looking = None if self.given.segmenter == "none" else self.model()
                own = self.sources, world.prepared.target, len(world.prepared.taxonomy)
                curve, began = Curve(params.steps), time.process_time()
                rows = fitting.fit(params, *own, looking, world.fabric, curve)
                took = round(time.process_time() - began)
                told = {"curve": curve.means(), "fit_cpu_seconds": took}
                path.with_suffix(".json").write_text(json.dumps(told))
                references.write(path, rows, len(rows))
        return path

    def told(self) -> dict[str, Any]:
        """Means of each loss by tenths of the training, and its time, of one that was trained."""
        if self.given.training is None:
            return {}
        found: dict[str, Any] = json.loads(self.kept().with_suffix(".json").read_text())
        return found

    def fitted(self) -> list[Any]:
        """What the stage writes."""
        given, taxonomy = self.given, self.world.prepared.taxonomy
        if given.training is not None:
            return [*np.load(self.kept())]
        more = {"classes": len(taxonomy), "segmenter": None}
        made = parts.build("translators", given.translator, given.options, **more)
        rows = [*fit_translator.run(made, self.world.prepared.target, self.sources[0].size)]
        return [references.mean(rows)] if given.references == "mean" else rows

    def translated(self, folder: Path, copies: int = 1) -> list[Domain]:
        """The sources, translated into a folder; one copy where several would be alike."""
        world, given, found = self.world, self.given, []
        rows, place = self.fitted(), folder / "fitted.npy"
        params = translate.Params(copies=1 if self.slow else copies, seed=world.seed)
        references.write(place, rows, len(rows))
        for number, source in enumerate(self.sources):
            own = folder / str(number)
            own.mkdir(exist_ok=True)
            writer = translate.Writer(
                params, "translated", source, given, place, world.prepared.taxonomy, own,
                number=number, sources=len(self.sources),
            )  # fmt: skip
            made, _ = translate.written(writer, own)
            found.append(replace(made, memory=source.memory))
        return found

    @contextmanager
    def images(self, copies: int = 1) -> Iterator[list[Domain]]:
        """What `translated` makes, kept where it takes long."""
        if not self.slow:
            with tempfile.TemporaryDirectory(dir=memory()) as folder:
                yield self.translated(Path(folder), copies)
            return
        self.place.mkdir(parents=True, exist_ok=True)
        with alone(self.place / "lock"):
            made = self.translated(self.place, copies)
        yield made


def begun(
    world: World, suffix: str = "", item: str = "source", sources: list[Domain] | None = None
) -> model.Model:
    """What rounds begin with, of the world's source or of others."""
    steps = {"steps": world.content["pretrain"][item]["steps"]}
    return trained(world, f"{item}{suffix}", steps, sources or world.source)


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
    table = evaluate_translation.close(params, of, looking, world.fabric)
    other = params.model_copy(update={"features": LITE})  # which no source has taught
    apart = evaluate_translation.close(other, of, looking, world.fabric).set_index("images")
    backbone = {level: apart[f"kid_{level}"].to_dict() for level in ("first", "last")}
    return {**evaluate_translation.told(params, table, judges), "backbone": backbone}
