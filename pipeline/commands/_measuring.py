"""What a step and an image cost, measured on this machine with what params.yaml says."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from lightning_fabric import Fabric

from pipeline.commands._spans import Span, span, timed
from pipeline.commands._translating import chain, trainings, translations
from pipeline.domain import artifacts, pictures
from pipeline.domain.samples import Domain
from pipeline.inference import predictions
from pipeline.model import model
from pipeline.runtime import display, names, params
from pipeline.runtime.files import BadInput
from pipeline.runtime.launch import launch
from pipeline.sections.evaluate import Params as Evaluate
from pipeline.sections.infer import Params as Infer
from pipeline.sections.pretrain import Params as Pretrain
from pipeline.sections.pseudo_label import Params as PseudoLabel
from pipeline.stages import evaluate, infer, pretrain, pseudo_label

_WARM_UP = 2
"""Steps that are not measured: of the first ones memory is made, and kernels are chosen."""


@dataclass(frozen=True)
class Measured:
    """Seconds an image of a training step, or another; bytes of a model or an image; images."""

    sample: Span
    model: float
    infer: Span
    predictions: float
    label: Span
    labels: float
    evaluate: Span
    targets: int
    vals: int
    translations: Mapping[str, tuple[Span, float]] = field(default_factory=dict)  # of all images
    translators: Mapping[str, Span] = field(default_factory=dict)  # of all steps


def measure(content: Mapping[str, Any], data: Path, count: int) -> Measured:
    """`count` steps, and images of target and val. Raises BadInput where data lacks the indices."""
    name = next(iter(content.get("pretrain") or {}), None)
    if name is None:
        raise BadInput(f"{params.FILE}: pretrain names no model, so there is nothing to measure")
    source = names.learned_from(content).get(name)
    if source is None:
        raise BadInput(f"{params.FILE}: pretrain.{name}.source is missing; run `segue check`")
    source = [*chain(content, source)][-1]  # of the same size, and there before it is translated
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
    training = training.model_copy(update={"steps": _WARM_UP + count})
    taxonomy = artifacts.read_taxonomy(data / "prepared/taxonomy.json")
    fabric = launch(training.compute, alone=True)
    at = [time.perf_counter()]
    with display.hidden(), tempfile.TemporaryDirectory() as folder:
        made = pretrain.run(
            training, sources, taxonomy, fabric, lambda *_: at.append(time.perf_counter())
        )
        steps = [after - before for before, after in pairwise(at)][_WARM_UP:]
        few, fewer = (replace(d, samples=d.samples[:count]) for d in (target, val))
        inferring, labelling, stored, labels = _predict(Path(folder), made, few, fabric)
        judging = params.load(Evaluate, "evaluate")
        evaluating = timed(lambda: evaluate.run(judging, made, fewer, fabric), len(fewer))
    size = 4.0 * sum(p.numel() for p in made.parameters())
    sample = span(steps) * (1 / training.batch)
    counts, painted = (len(target), len(val)), translations(content, data, training.network)
    learnt = trainings(content, data, training.network, count, fabric)
    return Measured(
        sample, size, inferring, stored, labelling, labels, evaluating, *counts, painted, learnt
    )


def _predict(
    folder: Path, teacher: model.Model, target: Domain, fabric: Fabric
) -> tuple[Span, Span, float, float]:
    """Seconds to infer and to label an image, bytes of its prediction and of its label."""
    files = predictions.files(len(target))
    inferring = params.load(Infer, "infer")
    taxonomy = teacher.recipe.taxonomy

    def predict() -> None:
        found = infer.run(inferring, teacher, target, fabric, files.values())
        predictions.write(folder / "predictions", files, found)

    def label() -> None:
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

    times = [timed(run, len(target)) for run in (predict, label)]
    sizes = [_size(folder / kind) / len(target) for kind in ("predictions", "labels")]
    return times[0], times[1], sizes[0], sizes[1]


def _size(folder: Path) -> float:
    return float(sum(path.stat().st_size for path in folder.iterdir()))
