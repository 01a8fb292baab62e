"""Measure what images of the target look like, for a translator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pipeline.domain import artifacts
from pipeline.domain.samples import Domain
from pipeline.runtime import parts, process, progress, threads
from pipeline.runtime.params import load, root
from pipeline.sections.fit_translator import Params
from pipeline.translation import references
from pipeline.translation.colour import Floats
from pipeline.translation.references import Translator


def run(translator: Translator, target: Domain, size: tuple[int, int]) -> Iterable[Floats]:
    """The row float32 (k,) of each target image, in their order, read at `size` (width, height).

    That is the source's working size: deviations and frequencies are of the same scale in both.
    """
    sized = replace(target, size=size, memory=0)

    def row(index: int) -> Floats:
        return translator.measure(sized.image(index), sized.region(index))

    return threads.on_all_cores(row, range(len(sized)))


def main() -> None:
    """Open, run, write: a row at a time, so that memory is the same for any number of images."""
    at = process.paths("source", "target", "fitted", item=True)
    params = load(Params, f"translations.{at.item}.fit_translator")
    (source,) = artifacts.read_sources(at.source, root).values()
    target = artifacts.read_domain(at.target, root("target"))
    translator = parts.build("translators", params.translator, params.options)
    found = run(translator, target, source.size)
    rows = progress.track(found, f"fit {at.item}", len(target))
    if params.references == "mean":
        references.write(at.fitted, [references.mean(rows)], 1)
    else:
        references.write(at.fitted, rows, len(target))


if __name__ == "__main__":
    process.stage(main)
