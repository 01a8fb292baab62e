"""What the parts of pseudo_labels.py measure with: streets, a trained network, medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from rows import ROOT

from pipeline.domain.pixels import Coding
from pipeline.domain.samples import Domain, Sample
from pipeline.domain.taxonomy import CITYSCAPES, LABEL_IDS
from pipeline.inference import predict, predictions
from pipeline.inference.predictions import Predictions
from pipeline.model import model
from pipeline.runtime.launch import launch
from pipeline.runtime.params import load
from pipeline.runtime.progress import Log
from pipeline.stages import generate, infer, pretrain

PRESET = ROOT / "presets" / "streets.yaml"


SIZES = {"512x1024": (512, 1024), "1024x2048": (1024, 2048)}


PORTION, CLASSES, REPEATS = 0.2, len(CITYSCAPES), 5


UNIFORM = np.ones((CLASSES, 1, 1), np.float32)  # the prior, which this labeler does not use


Rows = Iterator[tuple[str, float]]


@dataclass(frozen=True)
class World:
    """Streets, a small network trained on them for a minute, and a folder in memory."""

    folder: Path
    game: Domain
    city: Domain
    teacher: model.Model
    fabric: Fabric

    def sized(self, size: str, count: int) -> Domain:
        """`count` city images at another size."""
        height, width = SIZES[size]
        return replace(self.city, samples=self.city.samples[:count], size=(width, height))

    def logits(self, domain: Domain) -> Iterator[torch.Tensor]:
        """The trained network's float32 logits of each image, on its own grid."""
        for index in range(len(domain)):
            image = torch.from_numpy(domain.image(index).copy()).permute(2, 0, 1)[None]
            yield predict.scores(self.teacher, image.to(self.teacher.mean.device))[0].cpu()

    def predictions(self, size: str, count: int) -> Predictions:
        """Stored as infer does at stride 8."""
        folder, domain = self.folder / f"{size}-{count}", self.sized(size, count)
        if not folder.exists():
            files = predictions.files(count)
            given = infer.Params(stride=8, batch=1)
            found = infer.run(given, self.teacher, domain, self.fabric, files.values())
            predictions.write(folder, files, found)
        return Predictions(folder)


def build(folder: Path) -> World:
    """The preset's source model after 400 steps."""
    domains = {}
    for name, count in (("game", 50), ("city", 32)):
        given = load(generate.Params, f"generate.{name}", path=PRESET)
        given = given.model_copy(update={"images": count, "val": 0})
        generate.run(given, folder / name)
        samples = [
            Sample(name, f.image, "", given.height, given.width, f.label, "")
            for f in generate.frames(given)
        ]
        raw = {raw: CITYSCAPES.names.index(n) if n else 255 for raw, n in LABEL_IDS.items()}
        size = (given.width, given.height)
        domains[name] = Domain(samples, folder / name, size, Coding(raw), 512)
    given = load(pretrain.Params, "training", "pretrain.source", path=PRESET)
    fabric = launch(given.compute)
    given = given.model_copy(update={"steps": 400})
    teacher = pretrain.run(given, [domains["game"]], CITYSCAPES, fabric, lambda *_: None)
    return World(folder, domains["game"], domains["city"], teacher, fabric)


def wait() -> None:
    """Until the device has done what it was told."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def gaps(run: Callable[[Log], object]) -> list[float]:
    """Seconds between each two steps of a training that logs them."""
    at: list[float] = []

    def log(*_: object) -> None:
        wait()
        at.append(time.perf_counter())

    run(log)
    return [after - before for before, after in pairwise(at)]


def medians(ways: dict[str, Callable[[], object]], repeats: int = REPEATS) -> dict[str, float]:
    """Median seconds of each, one after the other and over again, after one of each unmeasured."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            took[name] += [time.perf_counter() - began] if turn else []
    return {name: statistics.median(values) for name, values in took.items()}
