"""How close a translation comes to the target, and whether it leaves things in their places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from lightning_fabric import Fabric
from torch import nn

from pipeline.domain import artifacts, pictures
from pipeline.domain.pixels import Pixels
from pipeline.domain.samples import Domain, Joined
from pipeline.evaluation import closeness, structure
from pipeline.inference import features, predict
from pipeline.look import maps, mosaics, translations
from pipeline.model import model
from pipeline.runtime import process, progress
from pipeline.runtime.files import BadInput, write_json
from pipeline.runtime.launch import launch
from pipeline.runtime.names import JUDGES
from pipeline.runtime.params import load, root
from pipeline.sections.evaluate_translation import Params
from pipeline.sections.translate import Params as Translate
from pipeline.translation import references
from pipeline.translation.cielab import Lab

_MOSAIC = 6

Seen = tuple[Pixels, Pixels]


class Images(NamedTuple):
    """Translations, the images of the source that they are of, and images of the target."""

    translated: Joined
    source: Joined
    target: Domain


def chosen(
    images: int, sources: Mapping[str, Domain], translated: Iterable[Domain], target: Domain
) -> Images:
    """Evenly over the source and over the target, each source image with its first translation.

    Of each of several sources as many. Raises BadInput where an image has none, and for fewer
    images than KID takes.
    """
    target = _evenly(target, images)
    own = {n: _evenly(of, max(1, images // len(sources))) for n, of in sources.items()}
    pairs = zip(own.items(), translated, strict=True)
    made = {name: _first(of, by) for (name, of), by in pairs}
    source = Joined(own)
    if (fewest := min(len(source), len(target))) < closeness.FEWEST:
        raise BadInput(
            f"evaluate_translation: source and target have {len(source)} and {len(target)} images, "
            f"and at least {closeness.FEWEST} are compared, not {fewest}; add some"
        )
    return Images(Joined(made), source, target)


def _first(source: Domain, translated: Domain) -> Domain:
    """The first translation of each image."""
    known = {sample.image: sample for sample in translated.samples}
    wanted = [f"images/1/{sample.name}.png" for sample in source.samples]
    if missing := [name for name in wanted if name not in known]:
        raise BadInput(f"{missing[0]}: has no translation; run dvc repro")
    return replace(translated, samples=[known[name] for name in wanted])


def _evenly(domain: Domain, count: int) -> Domain:
    count = min(count, len(domain))
    at = np.linspace(0, len(domain) - 1, count).round().astype(int).tolist()
    return replace(domain, samples=[domain.samples[i] for i in at])


def predictions(params: Params, looking: model.Model, of: Images, fabric: Fabric) -> Iterator[Seen]:
    """Train ids uint8 (h, w) of each source image, and of its translation."""
    network = fabric.setup_module(looking).eval()
    width, height = of.source.size
    batches = predict.batches(range(len(of.source)), params.batch)
    found = [predict.images(d, batches, params.compute.workers) for d in (of.source, of.translated)]
    for both in zip(*found, strict=True):
        each = []
        for _, images in both:
            logits, over = predict.scores(network, fabric.to_device(images))
            each.append(predict.labels(logits, height, width, over).cpu().numpy())
        yield from zip(*each, strict=True)


def seen(
    params: Params, domain: Domain | Joined, network: nn.Module, fabric: Fabric
) -> closeness.Seen:
    """Features and colours of each image; `network` is one of `features`."""
    batches = predict.batches(range(len(domain)), params.batch)
    found = predict.images(domain, batches, params.compute.workers)
    pooled = features.of_all(network, (fabric.to_device(images) for _, images in found))
    labs = (Lab(domain.image(i), domain.region(i)) for i in range(len(domain)))
    colours = np.stack([np.concatenate([lab.mean, lab.deviation]) for lab in labs])
    first, last = (part.double().numpy() for part in pooled)
    return closeness.Seen(first, last, colours)


def close(params: Params, of: Images, looking: model.Model, fabric: Fabric) -> pd.DataFrame:
    """closeness.table of the translated images and of the source's."""
    given = params.features
    seeing = features.OfBackbone(**dict(given)) if given else features.OfModel(looking)
    network = fabric.setup_module(seeing).eval()
    found = {
        name: seen(params, domain, network, fabric)
        for name, domain in progress.track(of._asdict().items(), "features", len(of))
    }
    target = found.pop("target")
    return closeness.table(found, target, params.subsets, params.seed)


def run(
    of: Images, judges: Mapping[str, structure.Judge],
    found: Mapping[str, Iterable[Seen]], writer: translations.Writer,
) -> tuple[pd.DataFrame, list[list[Pixels]]]:  # fmt: skip
    """A row an image: its name, its reference, and what changed of it for each model.

    And panels of some, evenly chosen.
    """
    some = {*np.linspace(0, len(of.source) - 1, _MOSAIC).round().astype(int).tolist()}
    rows, panels = [], []
    pairs = zip(*found.values(), strict=True)
    for index, each in enumerate(progress.track(pairs, "evaluate", len(of.source))):
        both = dict(zip(found, each, strict=True))
        writer.write(index, both)
        label = of.source.label(index)
        shares = {role: judges[role].add(label, *pair) for role, pair in both.items()}
        about = (of.source.names[index], writer.references[index])
        rows.append({"image": about[0], "reference": about[1], **shares})
        if index in some:
            panels.append(writer.panels(index, *both["model"]))
    return pd.DataFrame(rows), panels


def told(
    params: Params, table: pd.DataFrame, judges: Mapping[str, structure.Judge]
) -> dict[str, Any]:
    """The metrics, and what they mean in words."""
    rows = table.set_index("images")
    closer = bool(rows["first_high"]["translated"] < rows["kid_first"]["source"])
    mious = {role: judge.mious() for role, judge in judges.items()}
    verdict = structure.verdict(closer, **mious, tolerance=params.tolerance)
    agreement = {role: judge.changes.agreement() for role, judge in judges.items()}
    kid = {level: rows[f"kid_{level}"].to_dict() for level in ("first", "last")}
    scored = {role: found._asdict() for role, found in mious.items()}
    colours = rows["colours"].to_dict()
    return {
        "verdict": verdict, "miou": scored, "agreement": agreement, "kid": kid, "colours": colours
    }  # fmt: skip


def main() -> None:
    """Open, run, write."""
    names = ("source", "translated", "target", "taxonomy", "model", "adapted")
    at = process.paths(*names, "metrics", "table", "changes", "look", item=True)
    params = load(Params, f"translations.{at.item}.evaluate_translation")
    sources, translated = (artifacts.read_sources(p, root) for p in (at.source, at.translated))
    target = artifacts.read_domain(at.target, root("target"))
    taxonomy = artifacts.read_taxonomy(at.taxonomy)
    of = chosen(params.images, sources, translated.values(), target)
    models = {role: model.of_task(getattr(at, role)) for role in JUDGES}
    fabric = launch(params.compute, alone=True)
    judges = {role: structure.Judge(taxonomy) for role in models}
    found = {role: predictions(params, looking, of, fabric) for role, looking in models.items()}
    seed = load(Translate, f"translations.{at.item}.translate").seed  # of the references
    drawn = [references.drawn(seed, s.image, 1, len(target)) for s in of.source.samples]
    shown = (of.source, of.translated, target)
    size = maps.size_of(of.source.size, params.width)
    writer = translations.Writer(at.look, *shown, drawn, taxonomy.colours, size, params.quality)
    images, panels = run(of, judges, found, writer)
    table = close(params, of, models["model"], fabric)
    for role, judge in judges.items():
        table[f"miou_{role}"] = [judge.mious().after, judge.mious().before, None]
    changes = [j.changes.table(taxonomy.names).assign(model=role) for role, j in judges.items()]
    artifacts.write_table(at.table, table.round(6))
    artifacts.write_table(at.changes, pd.concat(changes))
    artifacts.write_table(at.look / "images.parquet", images)
    mosaic = mosaics.mosaic(panels, translations.COLUMNS, [""] * len(panels), taxonomy)
    pictures.write_image(at.look / "mosaic.png", mosaic)
    metrics = told(params, table, judges)
    write_json(at.metrics, {**metrics, "size": size})
    print(f"{at.item}: {metrics['verdict']}")


if __name__ == "__main__":
    process.stage(main)
