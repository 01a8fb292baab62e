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

from pipeline.commands._spans import NOTHING, Span, span, timed
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


def translations(
    content: Mapping[str, Any], data: Path, network: Network
) -> dict[str, tuple[Span, float]]:
    """By name, seconds on one core and bytes of all its images, measured on one of them."""
    found = {}
    for name in content.get("translations") or {}:
        before = [*chain(content, name)]
        own = [params.load(Translate, f"translations.{n}.translate").copies for n in before[:-1]]
        copies, sources = math.prod(own), _sources(data, before[-1])
        given = _given(name, _recipe(data, network), len(sources))
        each = [_painted(name, source, given) for source in sources]
        counts = [copies * len(source) for source in sources]
        spent = [time * count for (time, _), count in zip(each, counts, strict=True)]
        taken = [size * count for (_, size), count in zip(each, counts, strict=True)]
        found[name] = (sum(spent, NOTHING), sum(taken))
    return found


def _given(name: str, recipe: Recipe, sources: int) -> dict[str, Any]:
    """What `translate` supplies to a translator, its model untrained."""
    fit = params.load(Fit, f"translations.{name}.fit_translator")
    looks = fit.segmenter != NONE and fit.training is None
    segmenter = model.create(recipe, 0) if looks else None
    return {"classes": len(recipe.taxonomy), "segmenter": segmenter, "sources": sources}


def _painted(name: str, source: Domain, given: Mapping[str, Any]) -> tuple[Span, float]:
    """Seconds and bytes of one image of a source."""
    image, region = source.image(0), source.region(0)
    translator = _ready(name, (image, region), given)
    row = translator.reference(np.random.default_rng(0))
    with tempfile.TemporaryDirectory() as folder:
        to = Path(folder, "x.png")

        def paint() -> None:
            pictures.write_image(to, Image.fromarray(translator.translate(image, region, row)))

        return timed(paint, 1), float(to.stat().st_size)


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
    recipe = _recipe(data, network)
    for name, item in (content.get("translations") or {}).items():
        where = f"translations.{name}.fit_translator"
        if item["fit_translator"].get("training") is None:
            continue
        whole = params.load(train_translator.Params, where, f"{where}.training")
        segmenter = None if whole.segmenter == NONE else model.create(recipe, whole.seed)
        few = whole.model_copy(update={"steps": _WARM_UP + count})
        sources, at = _sources(data, [*chain(content, name)][-1]), [time.perf_counter()]
        given = (few, sources, target, len(recipe.taxonomy), segmenter, fabric)
        fitting.fit(*given, lambda *_, at=at: at.append(time.perf_counter()))
        steps = [after - before for before, after in pairwise(at)][_WARM_UP:]
        found[name] = span(steps) * whole.steps
    return found


def _recipe(data: Path, network: Network) -> Recipe:
    """Of a model that looks at images: of the run's network."""
    taxonomy = artifacts.read_taxonomy(data / "prepared/taxonomy.json")
    return Recipe(network.name, taxonomy, network.options, network.normalisation)


def _sources(data: Path, name: str) -> list[Domain]:
    index = data / "sources" / name / "index.parquet"
    return [*artifacts.read_sources(index, params.root).values()]


def _ready(name: str, like: tuple[Pixels, Mask | None], given: Mapping[str, Any]) -> Translator:
    """A translator that has taken up what fitting would give it, in length."""
    fit = params.load(Fit, f"translations.{name}.fit_translator")
    made: Translator = parts.build("translators", fit.translator, fit.options, **given)
    compute = params.load(Translate, f"translations.{name}.translate").compute
    made.take(made.example(*like)[None], compute)
    return made
