"""What a run will cost in disk and time, from a few measured steps."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from lightning_fabric import Fabric
from PIL import Image
from rich.console import Console
from rich.table import Table

from pipeline.domain import artifacts, pictures
from pipeline.domain.samples import Domain
from pipeline.inference import predictions
from pipeline.model import model
from pipeline.runtime import names, params, parts
from pipeline.runtime.files import BadInput
from pipeline.runtime.launch import launch
from pipeline.sections.evaluate import Params as Evaluate
from pipeline.sections.fit_translator import Params as Fit
from pipeline.sections.infer import Params as Infer
from pipeline.sections.pretrain import Params as Pretrain
from pipeline.sections.pseudo_label import Params as PseudoLabel
from pipeline.sections.retrain import Params as Retrain
from pipeline.sections.translate import Params as Translate
from pipeline.stages import evaluate, infer, pretrain, pseudo_label

Row = tuple[str, float, float]


def cost(
    data: Annotated[Path, typer.Argument(help="where `dvc repro source` wrote")] = Path("data"),
    steps: Annotated[int, typer.Option(min=3, help="to measure of each kind")] = 6,
) -> None:
    """Say what the run in params.yaml will cost in time and disk, before it is started."""
    content = params.read()
    rows = estimate(content, _measure(content, data, steps))
    rows.append(("all", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    table = Table("stage, all its runs", "minutes", "GB on disk")
    for name, seconds, size in rows:
        table.add_row(name, f"{seconds / 60:.1f}", f"{size / 1e9:.3f}")
    Console().print(table)
    typer.echo(
        f"Measured: {steps} steps and images of each kind, on this machine as busy as it is now. "
        "Not counted: the start of each stage (seconds), pictures, and a second copy in DVC's "
        "cache where the file system cannot link."
    )


@dataclass(frozen=True)
class Measured:
    """Seconds a step or an image, bytes a model or an image, and how many images there are."""

    step: float
    model: float
    infer: float
    predictions: float
    label: float
    labels: float
    evaluate: float
    targets: int
    vals: int
    translations: tuple[float, float] = (0.0, 0.0)  # of all of them together


def estimate(content: Mapping[str, Any], each: Measured) -> list[Row]:
    """Stage, seconds and bytes of all its runs that params.yaml asks for."""
    pretrains, warmups, rounds = (content.get(k) or {} for k in ("pretrain", "warmup", "rounds"))
    means = content.get("mean") or {}
    models = len(pretrains) + len(warmups) + 2 * len(means) + len(rounds)  # a mean runs two
    first = sum(item["steps"] for item in pretrains.values())
    warm = sum(item["steps"] for item in warmups.values())
    own = [params.load(Retrain, *_RETRAIN, f"rounds.{name}.retrain") for name in rounds]
    images = len(rounds) * each.targets
    return [
        *([("translate", *each.translations)] if content.get("translations") else []),
        ("pretrain", first * each.step, len(pretrains) * each.model),
        ("warmup", warm * each.step, len(warmups) * each.model),
        ("mean", 0, 2 * len(means) * each.model),
        ("infer", images * each.infer, images * each.predictions),
        ("pseudo_label", images * each.label, images * each.labels),
        ("retrain", sum(p.steps for p in own) * each.step, len(rounds) * each.model),
        ("evaluate", models * each.vals * each.evaluate, 0),
    ]


_RETRAIN = ("training", "retrain")


def _measure(content: Mapping[str, Any], data: Path, count: int) -> Measured:
    name = next(iter(content["pretrain"]))
    source = names.learned_from(content).get(name)
    if source is None:
        raise BadInput(f"{params.FILE}: pretrain.{name}.source is missing; run `segue check`")
    source = [*_chain(content, source)][-1]  # of the same size, and there before it is translated
    index = data / "sources" / source / "index.parquet"
    if not index.exists():
        raise BadInput(f"{index}: no such file; run `dvc repro source mix` first")
    sources = [*artifacts.read_sources(index, params.root).values()]
    target, val = (
        artifacts.read_domain(
            data / "prepared" / f"{role}.parquet", params.root(role), empty=role == "val"
        )
        for role in ("target", "val")
    )
    training = params.load(Pretrain, "training", f"pretrain.{name}")
    training = training.model_copy(update={"steps": count})
    taxonomy = artifacts.read_taxonomy(data / "prepared/taxonomy.json")
    fabric = launch(training.compute, alone=True)
    at = [time.perf_counter()]
    made = pretrain.run(
        training, sources, taxonomy, fabric, lambda *_: at.append(time.perf_counter())
    )
    step = statistics.median(after - before for before, after in pairwise(at[1:]))
    few, fewer = (replace(d, samples=d.samples[:count]) for d in (target, val))
    with tempfile.TemporaryDirectory() as folder:
        inferring, labelling, stored, labels = _predict(Path(folder), made, few, fabric)
    began = time.perf_counter()
    evaluate.run(params.load(Evaluate, "evaluate"), made, fewer, fabric)
    evaluating = (time.perf_counter() - began) / max(1, len(fewer))
    size = 4.0 * sum(p.numel() for p in made.parameters())
    domains = len(target), len(val)
    translating = _translations(content, data)
    return Measured(
        step, size, inferring, stored, labelling, labels, evaluating, *domains, translating
    )


def _translations(content: Mapping[str, Any], data: Path) -> tuple[float, float]:
    """Seconds on one core and bytes of all translations, by one image of each."""
    seconds = size = 0.0
    for name in content.get("translations") or {}:
        chain = [*_chain(content, name)]
        index = data / "sources" / chain[-1] / "index.parquet"
        (source,) = artifacts.read_sources(index, params.root).values()
        copies = [params.load(Translate, f"translations.{n}.translate").copies for n in chain[:-1]]
        count = len(source) * math.prod(copies)
        fit = params.load(Fit, f"translations.{name}.fit_translator")
        translator = parts.build("translators", fit.translator, fit.options)
        row = translator.measure(source.image(0), source.region(0))
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            made = translator.translate(source.image(0), source.region(0), row)
            pictures.write_image(Path(folder, "x.png"), Image.fromarray(made))
            size += count * Path(folder, "x.png").stat().st_size
        seconds += count * (time.perf_counter() - began)
    return seconds, size


def _chain(content: Mapping[str, Any], name: str) -> Iterator[str]:
    """A source and, of a translation, what it is made of, to what is no translation."""
    yield name
    while item := (content.get("translations") or {}).get(name):
        yield (name := item["source"])


def _predict(
    folder: Path, teacher: model.Model, target: Domain, fabric: Fabric
) -> tuple[float, float, float, float]:
    """Seconds to infer and to label an image, bytes of its prediction and of its label."""
    began = time.perf_counter()
    files = predictions.files(len(target))
    inferring = params.load(Infer, "infer")
    found = infer.run(inferring, teacher, target, fabric, files.values())
    predictions.write(folder / "predictions", files, found)
    between = time.perf_counter()
    taxonomy = teacher.recipe.taxonomy
    pseudo_label.run(
        PseudoLabel(labeler="cbst", portion=0.5),
        predictions.Predictions(folder / "predictions"),
        {},
        taxonomy,
        np.full((len(taxonomy), 1, 1), 1, np.float32),
        lambda name, made: pictures.write_label(
            folder / "labels" / f"{name}.png", made.labels, taxonomy.colours
        ),
    )
    ended = time.perf_counter()
    sizes = [_size(folder / kind) / len(target) for kind in ("predictions", "labels")]
    return (between - began) / len(target), (ended - between) / len(target), sizes[0], sizes[1]


def _size(folder: Path) -> float:
    return float(sum(path.stat().st_size for path in folder.iterdir()))
