"""Evaluate a model on a labelled set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pipeline.checks.candidates import candidates
from pipeline.checks.inspection import inspect
from pipeline.commands import _models, _size
from pipeline.domain.samples import Domain
from pipeline.domain.taxonomy import Taxonomy
from pipeline.runtime import parts
from pipeline.runtime.compute import Compute
from pipeline.runtime.files import BadInput
from pipeline.runtime.launch import launch
from pipeline.sections.evaluate import Params
from pipeline.stages import evaluate

_SIZE = "of the images that the network sees; default: the model's own"


def score(
    weights: _models.Named,
    root: Annotated[Path, typer.Argument(help="the data set's folder")],
    reader: Annotated[str, typer.Option(help="name of a file in pipeline/datasets")] = "folder",
    options: Annotated[str, typer.Option(help='of the reader, as JSON: {"split": "val"}')] = "{}",
    width: Annotated[int | None, typer.Option(min=1, help=_SIZE)] = None,
    height: Annotated[int | None, typer.Option(min=1, help=_SIZE)] = None,
    flip: Annotated[bool, typer.Option(help="average with the mirrored image")] = False,
    accelerator: str = "auto",
) -> None:
    """Evaluate a model on any labelled set, at the labels' own size, and print JSON.

    The network sees images at the size that it was trained at, unless you give another.
    """
    evaluated = _models.load(weights)
    labelled = _labelled(
        evaluated.recipe.taxonomy,
        root,
        reader,
        _options(options),
        _size.chosen(evaluated, weights, width, height),
    )
    compute = Compute(accelerator=accelerator)
    params = Params(flip=flip, batch=1, compute=compute)
    confusion = evaluate.run(params, evaluated, labelled, launch(compute))
    metrics, table = evaluate.tables(confusion, evaluated, None)
    iou = dict(zip(table["class"], table["iou"], strict=True))
    typer.echo(json.dumps({**metrics, "images": len(labelled), "iou": iou}, indent=2))


def _options(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(f"--options {text}: is no JSON ({error})") from error
    if not isinstance(found, dict):
        raise BadInput(f'--options {text}: must be a mapping, such as {{"split": "val"}}')
    return found


def _labelled(
    taxonomy: Taxonomy, root: Path, reader: str, options: dict[str, object], size: tuple[int, int]
) -> Domain:
    parts.find("datasets", reader)
    try:
        parts.check_options("datasets", reader, options, "root", "classes")
    except BadInput as error:
        raise BadInput(f"--options '{json.dumps(options)}': {error}") from error
    dataset = parts.build("datasets", reader, options, root=root, classes=taxonomy)
    found = candidates("val", root, dataset, taxonomy.ids(dataset.values))
    inspected = inspect([found])
    good, refused = inspected.good, inspected.refused
    for problem in refused["problem"]:
        typer.echo(f"refused: {problem}", err=True)
    if not good["val"]:
        raise BadInput(f"{root}: no image with a good label is left")
    return Domain(good["val"], root, size, found.coding)
