"""Measure what images of the target look like, or train a generator, for a translator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.checks import translators
from pipeline.domain import artifacts
from pipeline.domain.samples import Domain
from pipeline.runtime import parts, process, progress, work
from pipeline.runtime.files import BadInput, write_bytes
from pipeline.runtime.lineage import NONE
from pipeline.runtime.params import load, read, root
from pipeline.sections.fit_translator import Params
from pipeline.translation import references
from pipeline.translation.colour import Floats
from pipeline.translation.references import Measured


def run(
    translator: Measured, target: Domain, size: tuple[int, int], where: str | None = None
) -> Iterable[Floats]:
    """The row float32 (k,) of each target image, in their order, read at `size` (width, height).

    That is the source's working size: deviations and frequencies are of the same scale in both.
    """
    sized = replace(target, size=size, memory=0)

    def row(index: int) -> Floats:
        return translator.measure(sized.image(index), sized.region(index))

    return work.each(row, range(len(sized)), where)


def single(where: str, sources: Mapping[str, Domain]) -> tuple[int, int]:
    """The working size (width, height) of all sources. Raises BadInput where there are several."""
    sizes = dict.fromkeys(source.size for source in sources.values())
    if len(sizes) > 1:
        told = ", ".join(f"{n} {of.size[0]}x{of.size[1]}" for n, of in sources.items())
        raise BadInput(
            f"{where}: its sources are of several sizes ({told}), and the target is measured at "
            "one; give them one width and height, or translate each by itself"
        )
    return next(iter(sizes))


def main() -> None:
    """Open, run, write: what is fitted is one file, however it is."""
    inputs = ("source", "target", "taxonomy", "segmenter")
    at = process.paths(*inputs, "fitted", "curve", "unfinished", item=True)
    translators.check(read(), at.item)
    params = load(Params, f"translations.{at.item}.fit_translator")
    if params.training is None:
        _measure(at, params)
    else:
        _train(at, params, [getattr(at, name) for name in inputs])


def loaded(path: Path) -> Any:
    """A model, which few measured translators need."""
    from pipeline.model import model

    return model.of_task(path)


def _measure(at: Any, params: Params) -> None:
    """A row at a time, so that memory is the same for any number of images; no curve."""
    sources = artifacts.read_sources(at.source, root)
    size = single(f"translations.{at.item}.source", sources)
    target = artifacts.read_domain(at.target, root("target"))
    segmenter = None if params.segmenter == NONE else loaded(at.segmenter)
    given = {"segmenter": segmenter}
    translator = parts.build("translators", params.translator, params.options, **given)
    found = run(translator, target, size, params.compute.cluster)
    rows = progress.track(found, f"fit {at.item}", len(target))
    write_bytes(at.curve, b"")
    if params.references == "mean":
        references.write(at.fitted, [references.mean(rows)], 1)
    else:
        references.write(at.fitted, rows, len(target))


def _train(at: Any, params: Params, inputs: list[Any]) -> None:
    """A row of weights, or one of each source.

    What a measured translator does not need is imported here.
    """
    from pipeline.runtime.launch import launch
    from pipeline.sections import train_translator
    from pipeline.training import fitting, loop

    where = f"translations.{at.item}.fit_translator"
    whole = load(train_translator.Params, where, f"{where}.training")
    memory = whole.compute.memory
    sources = [*artifacts.read_sources(at.source, root, memory).values()]
    target = artifacts.read_domain(at.target, root("target"), memory)
    classes = len(artifacts.read_taxonomy(at.taxonomy))
    segmenter = None if params.segmenter == NONE else loaded(at.segmenter)
    fabric = launch(whole.compute)
    first = fabric.is_global_zero
    kept = loop.unfinished(at.unfinished, inputs, whole)
    with progress.curve(at.curve, at.item, whole.steps, whole.log_every, first) as log:
        rows = fitting.fit(whole, sources, target, classes, segmenter, fabric, log, kept)
    if first:
        references.write(at.fitted, rows, len(rows))
        kept.remove()


if __name__ == "__main__":
    process.stage(main)
