"""Write the images of a source in the look of the target, with its labels, as a source."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from PIL import Image

from pipeline.checks import census
from pipeline.checks.census import Counts
from pipeline.domain import artifacts, pictures
from pipeline.domain.pixels import Coding, Pixels
from pipeline.domain.samples import Domain, Sample
from pipeline.domain.taxonomy import IGNORE, Taxonomy
from pipeline.inference import publishing
from pipeline.runtime import parts, process, progress, resume, work
from pipeline.runtime.files import BadInput, digest
from pipeline.runtime.lineage import NONE, translated
from pipeline.runtime.params import load, root
from pipeline.sections import fit_translator
from pipeline.sections.translate import Params, Translation
from pipeline.translation import references
from pipeline.translation.references import Translator


class Written(NamedTuple):
    """What there is of one image: the rows of its copies, and the pixels of each class, (256,)."""

    samples: list[Sample]
    pixels: Counts


@dataclass(frozen=True)
class Writer:
    """Writes a source's translations into `folder`; what lies there already is not made again.

    The translator is built where it is called, and takes up the file `fitted` there: the row of its
    own source, or all rows. `looks`: the file of the model by which it looks at images.
    """

    params: Params
    name: str  # of what is made, see lineage.translated
    source: Domain
    fit: fit_translator.Params
    fitted: Path
    taxonomy: Taxonomy
    folder: Path
    looks: Path | None = None
    number: int = 0  # of so many sources
    sources: int = 1

    @cached_property
    def translator(self) -> Translator:
        """With what was fitted."""
        translator, rows = self.built(), references.read(self.fitted)
        if getattr(translator, "several", False):
            rows = rows[self.number : self.number + 1]
        translator.take(rows, self.params.compute)
        return translator

    def built(self) -> Translator:
        """Without."""
        segmenter = None
        if self.looks is not None:
            from pipeline.model import model

            segmenter = model.of_task(self.looks)
        sizes = {"classes": len(self.taxonomy), "sources": self.sources}
        given = {"segmenter": segmenter, **sizes}
        made: Translator = parts.build(
            "translators", self.fit.translator, self.fit.options, **given
        )
        return made

    def __call__(self, index: int) -> Written:
        """All copies of one image, and its label, at the working size."""
        sample = self.source.samples[index]
        label = self.source.label(index)
        copies = [f"images/{copy}/{sample.name}.png" for copy in range(1, self.params.copies + 1)]
        place = f"labels/{sample.name}.png"
        pictures.write_label(self.folder / place, label, self.taxonomy.colours)
        missing = {n: p for n, p in enumerate(copies, 1) if not (self.folder / p).exists()}
        for copy, image in self._translated(index, missing):
            pictures.write_image(self.folder / missing[copy], Image.fromarray(image))
        about = (self.source.size[1], self.source.size[0], place, digest(self.folder / place))
        counts = np.bincount(label.ravel(), minlength=256)
        held = census.of_sample(counts)
        rows = [Sample(self.name, p, digest(self.folder / p), *about, pixels=held) for p in copies]
        return Written(rows, counts * len(copies))

    def _translated(self, index: int, copies: Collection[int]) -> Iterator[tuple[int, Pixels]]:
        if not copies:
            return
        name = self.source.samples[index].image
        image, inside = self.source.image(index), self.source.region(index)
        for copy in copies:
            reference = self.translator.reference(references.keyed(self.params.seed, name, copy))
            yield copy, self.translator.translate(image, inside, reference)


def run(writer: Writer) -> Iterable[Written]:
    """Of each image of the source, in their order, on all cores or a cluster's.

    Raises BadInput for an image that cannot be read: none is left out.
    """
    compute = writer.params.compute
    device = None if writer.fit.training is None else compute
    if compute.cluster is None:
        _ = writer.translator  # before threads ask for it at once
    return work.each(writer, range(len(writer.source)), compute.cluster, device)


def written(writer: Writer, folder: Path) -> tuple[Domain, Counts]:
    """A source of what a writer writes, which will lie in `folder`, and its pixels by class."""
    each = [*progress.track(run(writer), f"translate {writer.name}", len(writer.source))]
    samples = [sample for one in each for sample in one.samples]
    found = Domain(samples, folder, writer.source.size, coding(len(writer.taxonomy)))
    return found, np.sum([one.pixels for one in each], axis=0)


def coding(classes: int) -> Coding:
    """Of labels that are train ids."""
    return Coding({**{index: index for index in range(classes)}, IGNORE: IGNORE})


def check_fitted(writer: Writer) -> None:
    """Raises BadInput where the file is of another translator, of other options or another size."""
    fitted, translator = references.read(writer.fitted), writer.built()
    own = translator.example(writer.source.image(0), writer.source.region(0)).shape[0]
    if fitted.shape[1] != own:
        raise BadInput(
            f"{writer.fitted}: has rows of {fitted.shape[1]} numbers, and this translator takes "
            f"{own}; run dvc repro, which fits it again"
        )
    if getattr(translator, "several", False) and len(fitted) != writer.sources:
        raise BadInput(
            f"{writer.fitted}: has {len(fitted)} generators, and there are {writer.sources} "
            "sources; run dvc repro, which fits it again"
        )


def looking(fit: fit_translator.Params, path: Path) -> Path | None:
    """The model by which a measured translator looks at images; trained ones only learn by it."""
    part = parts.find("translators", fit.translator)
    return None if fit.segmenter == NONE or getattr(part, "trained", False) else path


def check_place(folder: Path) -> None:
    """Raises BadInput where something else than a translation would be replaced."""
    if folder.is_file() or (
        folder.is_dir() and any(folder.iterdir()) and not (folder / "index.parquet").is_file()
    ):
        raise BadInput(f"{folder}: is no translation; move it away")


def main() -> None:
    """Open, run, write: an interrupted run goes on with the images that are not there yet."""
    at = process.paths(
        *("source", "fitted", "taxonomy", "segmenter", "translated", "classes", "unfinished"),
        item=True,
    )
    fit = load(fit_translator.Params, f"translations.{at.item}.fit_translator")
    params = load(Params, f"translations.{at.item}.translate")
    check_place(at.translated)
    sources = artifacts.read_sources(at.source, root)
    taxonomy, looks = artifacts.read_taxonomy(at.taxonomy), looking(fit, at.segmenter)
    decided = Translation(fit_translator=fit, translate=params)
    inputs = [at.source, at.fitted, at.taxonomy, *([] if looks is None else [looks])]
    made = resume.folder(
        at.unfinished, inputs, decided, translate={"compute"}, fit_translator={"compute"}
    )
    found, pixels = {}, np.zeros(256, np.int64)
    for number, (member, source) in enumerate(sources.items()):
        name = translated(at.item, member, len(sources))
        place = PurePosixPath(name).relative_to(at.item)
        given = (fit, at.fitted, taxonomy, made / place, looks, number, len(sources))
        writer = Writer(params, name, source, *given)
        check_fitted(writer)
        found[name], counted = written(writer, at.translated / place)
        pixels += counted
    work.sweep([made])
    artifacts.write_sources(made / "index.parquet", found)
    artifacts.write_table(at.classes, census.table(pixels, taxonomy))
    files = [of.root / sample.image for of in found.values() for sample in of.samples]
    there = [path.relative_to(at.translated).as_posix() for path in files]
    publishing.publish(made, at.translated, ["index.parquet", *there])
    resume.done(made)
    print(f"{at.item}: {len(files)} images of {sum(map(len, sources.values()))}")


if __name__ == "__main__":
    process.stage(main)
