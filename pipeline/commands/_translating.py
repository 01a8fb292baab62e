"""What translators and translations cost, measured on this machine with what params.yaml says."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from lightning_fabric import Fabric
from PIL import Image

from pipeline.commands._spans import Span, span, timed
from pipeline.domain import artifacts, pictures
from pipeline.domain.pixels import Mask, Pixels
from pipeline.domain.samples import Domain
from pipeline.model import model
from pipeline.model.recipe import Recipe
from pipeline.runtime import params, parts
from pipeline.runtime.lineage import NONE
from pipeline.sections import train_translator
from pipeline.sections.fit_translator import Params as Fit
from pipeline.sections.pretrain import Network
from pipeline.sections.translate import Params as Translate
from pipeline.training import fitting
from pipeline.translation.references import Translator

_WARM_UP = 1


def translations(content: Mapping[str, Any], data: Path) -> dict[str, tuple[Span, float]]:
    """By name, seconds on one core and bytes of all its images, measured on one of them."""
    found = {}
    for name in content.get("translations") or {}:
        before = [*chain(content, name)]
        source = _source(data, before[-1])
        own = [params.load(Translate, f"translations.{n}.translate").copies for n in before[:-1]]
        count = len(source) * math.prod(own)
        image, region = source.image(0), source.region(0)
        translator = _ready(name, data, (image, region))
        row = translator.reference(np.random.default_rng(0))
        with tempfile.TemporaryDirectory() as folder:
            to = Path(folder, "x.png")

            def paint(to: Path = to, given: Any = (translator, image, region, row)) -> None:
                made = given[0].translate(*given[1:])
                pictures.write_image(to, Image.fromarray(made))

            found[name] = (timed(paint, 1) * count, float(count * to.stat().st_size))
    return found


def chain(content: Mapping[str, Any], name: str) -> Iterator[str]:
    """A source and, of a translation, what it is made of, to what is no translation."""
    yield name
    while item := (content.get("translations") or {}).get(name):
        yield (name := item["source"])


def trainings(
    content: Mapping[str, Any], data: Path, network: Network, count: int, fabric: Fabric
) -> dict[str, Span]:
    """By name, seconds of all steps of what is trained, measured on `count` of them."""
    found = {}
    target = artifacts.read_domain(data / "prepared/target.parquet", params.root("target"))
    taxonomy = artifacts.read_taxonomy(data / "prepared/taxonomy.json")
    recipe = Recipe(network.name, taxonomy, network.options, network.normalisation)
    for name, item in (content.get("translations") or {}).items():
        where = f"translations.{name}.fit_translator"
        if item["fit_translator"].get("training") is None:
            continue
        whole = params.load(train_translator.Params, where, f"{where}.training")
        segmenter = None if whole.segmenter == NONE else model.create(recipe, whole.seed)
        few = whole.model_copy(update={"steps": _WARM_UP + count})
        source, at = _source(data, [*chain(content, name)][-1]), [time.perf_counter()]
        given = (few, source, target, len(taxonomy), segmenter, fabric)
        fitting.fit(*given, lambda *_, at=at: at.append(time.perf_counter()))
        steps = [after - before for before, after in pairwise(at)][_WARM_UP:]
        found[name] = span(steps) * whole.steps
    return found


def _source(data: Path, name: str) -> Domain:
    index = data / "sources" / name / "index.parquet"
    (source,) = artifacts.read_sources(index, params.root).values()
    return source


def _ready(name: str, data: Path, like: tuple[Pixels, Mask | None]) -> Translator:
    """A translator that has taken up what fitting would give it, in length."""
    fit = params.load(Fit, f"translations.{name}.fit_translator")
    classes = len(artifacts.read_taxonomy(data / "prepared/taxonomy.json"))
    given = {"classes": classes, "segmenter": None}
    made: Translator = parts.build("translators", fit.translator, fit.options, **given)
    compute = params.load(Translate, f"translations.{name}.translate").compute
    made.take(made.example(*like)[None], compute)
    return made
