"""Take labels to an annotation tool, and the corrected ones back."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Annotated, Literal

import numpy as np
import typer
from PIL import Image

from pipeline.domain import artifacts, pictures
from pipeline.domain.pixels import Pixels
from pipeline.domain.samples import Domain, file_name
from pipeline.domain.taxonomy import IGNORE
from pipeline.review import tasks, verdicts
from pipeline.review.tasks import Item, Task
from pipeline.runtime import contents, params, paths, progress
from pipeline.runtime.files import BadInput, readable, writable

annotate = typer.Typer(no_args_is_help=True, help=__doc__)

Format = Literal["cvat", "cvat-masks", "label-studio", "coco"]
"""A file of pipeline/review, with - for _."""

_Round = Annotated[str, typer.Argument(metavar="ROUND", help="whose labels")]
_Format = Annotated[
    Format,
    typer.Option(
        "--format",
        help="cvat: CVAT for images 1.1; cvat-masks: CVAT's Segmentation mask 1.1",
    ),
]


@dataclass(frozen=True)
class _Place:
    """A round's images, and where its labels, its corrections and its verdicts lie."""

    task: Task
    target: Domain
    labels: Path
    corrections: Path
    verdicts: Path

    def label(self, name: str) -> Pixels:
        return pictures.read_label_map(self.labels / f"{name}.png", len(self.task.taxonomy))


def _place(name: str) -> _Place:
    contents.check_round(params.read(), name)
    at = paths.places("pseudo_label", name)
    if not at["labels"].exists():
        raise BadInput(f"{at['labels']}: is not made yet; run dvc repro pseudo_label@{name}")
    target = artifacts.read_domain(at["target"], params.root("target"))
    task = Task(name, artifacts.read_taxonomy(at["taxonomy"]), target.size)
    corrections = paths.places("correct", name)["corrections"] / name
    said = verdicts.place(paths.places("split", name)["review"], name)
    return _Place(task, target, at["labels"], corrections, said)


def _format(name: Format) -> ModuleType:
    return importlib.import_module(f"pipeline.review.{name.replace('-', '_')}")


@annotate.command()
def export(
    name: _Round,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="a new folder")],
    form: _Format,
    verdict: Annotated[
        Literal["good", "fix", "exclude"], typer.Option(help="images of this verdict")
    ] = "fix",
    names: Annotated[
        Path | None, typer.Option(help="a file with an image's name a line, instead of a verdict")
    ] = None,
) -> None:
    """Write images at the working size, and their labels as the tool reads them."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput(f"{out}: is there already; name a new folder")
    place = _place(name)
    places = {sample.name: index for index, sample in enumerate(place.target.samples)}
    given = _listed(names) if names else _of_verdict(place.verdicts, verdict)
    verdicts.check_names(names or place.verdicts, given, places)

    def items(folder: Path) -> Iterator[Item]:
        for each in progress.track(sorted(given), "export", len(given)):
            image = Image.fromarray(place.target.image(places[each]))
            pictures.write_image(folder / tasks.IMAGES / f"{each}.png", image)
            yield each, place.label(each)

    with _whole(out) as folder:
        _format(form).write(folder, place.task, items(folder))
    typer.echo(f"{out}: {len(given)} images of {name} and their labels, for {form}")


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A folder to write, which becomes `out` once all is there; where it fails, nothing does."""
    out = out.resolve()  # a link's folder, if it is one
    with writable(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.")
    with beside:
        folder = Path(beside.name) / out.name
        yield folder
        with writable(out):
            folder.rename(out)


def _listed(path: Path) -> verdicts.Verdicts:
    """Names, or paths of images, a line each."""
    with readable(path, "a list of names"):
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    found = [file_name(line) if "/" in line else line.removesuffix(".png") for line in lines]
    if not any(found):
        raise BadInput(f"{path}: names no image; write the name of one in each line")
    return dict.fromkeys(filter(None, found), verdicts.Verdict(verdicts.FIX))


def _of_verdict(path: Path, wanted: str) -> verdicts.Verdicts:
    given = verdicts.read(path) if path.exists() else {}
    found = {name: of for name, of in given.items() if of.verdict == wanted}
    if not found:
        raise BadInput(
            f"{path}: no image has the verdict {wanted}; give it to some, or name images with "
            "--names"
        )
    return found


@annotate.command("import")
def import_(
    name: _Round,
    given: Annotated[Path, typer.Argument(metavar="FROM", help="a file, a folder or a .zip")],
    form: _Format,
    unchanged: Annotated[
        bool, typer.Option(help="take labels too that are the round's own: they were checked")
    ] = False,
    replace: Annotated[bool, typer.Option(help="corrections of the round that differ")] = False,
) -> None:
    """Write the labels that a tool gives back to data/corrections, where they differ."""
    place = _place(name)
    known = {sample.name for sample in place.target.samples}
    seen: set[str] = set()
    written, same, empty, refused = 0, 0, 0, []
    for found in _format(form).read(given, place.task):
        try:
            item = _checked(found, known, seen, given)
            if not unchanged and np.array_equal(item[1], place.label(item[0])):
                same += 1
                continue
            _write(place, *item, replace)
            written += 1
            empty += bool((item[1] == IGNORE).all())
        except BadInput as error:
            refused.append(str(error))
    if not (written or same or refused):
        raise BadInput(f"{given}: holds no label; look at --format, and at what was exported")
    typer.echo(f"{written} corrections in {place.corrections}")
    if empty:
        typer.echo(f"{empty} of them have no class at all; delete those that nobody has drawn on")
    if same:
        typer.echo(f"{same} labels are as they were, and no corrections; --unchanged takes them")
    if refused:
        raise BadInput("\n".join(refused))


def _checked(found: Item | BadInput, known: set[str], seen: set[str], given: Path) -> Item:
    """An item of an image that was not `seen` yet, and now is."""
    if isinstance(found, BadInput):
        raise found
    name, _ = found
    if name not in known:
        raise BadInput(f"{given}: {name!r}: no target image has this name; keep the names")
    if name in seen:
        raise BadInput(f"{given}: {name!r} comes twice, and the first counts; keep one of the two")
    seen.add(name)
    return found


def _write(place: _Place, name: str, label: Pixels, replace: bool) -> None:
    path = place.corrections / f"{name}.png"
    colours = place.task.taxonomy.colours
    if path.exists() and not replace:
        before = pictures.read_label_map(path, len(colours), colours)
        if not np.array_equal(before, label):
            raise BadInput(f"{path}: is another correction; look at both, then use --replace")
    pictures.write_label(path, label, colours)
