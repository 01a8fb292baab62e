"""Label a folder of new images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from PIL import Image

from pipeline.checks.census import SQUEEZED
from pipeline.commands import _models, _size
from pipeline.domain import pictures
from pipeline.domain.colours import Colour
from pipeline.domain.pixels import Pixels, read_image, resize
from pipeline.domain.samples import file_name
from pipeline.inference import predict
from pipeline.model import model
from pipeline.runtime import progress
from pipeline.runtime.compute import Compute
from pipeline.runtime.files import BadInput, below
from pipeline.runtime.launch import launch

_Fitted = Callable[[int, int], tuple[int, int]]
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


def label(
    weights: _models.Named,
    images: Annotated[Path, typer.Argument(help="folder of images, with its subfolders")],
    out: Annotated[Path, typer.Argument(help="folder for labels/ and overlays/")],
    width: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="width that the network sees, in the image's proportions; 0: the image as it is; "
            "default: the model's own size",
        ),
    ] = None,
    flip: Annotated[bool, typer.Option(help="average with the mirrored image")] = False,
    opacity: Annotated[float, typer.Option(min=0, max=1, help="of the overlay's colours")] = 0.5,
    accelerator: str = "auto",
) -> None:
    """Label every image of a folder: palette PNGs of train ids, and overlays to look at."""
    own = [(out / name).resolve() for name in ("labels", "overlays")]  # an earlier run's
    found = [
        path for path in below(images)
        if path.suffix.lower() in SUFFIXES and not {*own} & {*path.resolve().parents}
    ]  # fmt: skip
    if not found:
        raise BadInput(f"{images}: holds no image ({', '.join(SUFFIXES)})")
    names = [file_name(path.relative_to(images).as_posix()) for path in found]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise BadInput(f"{images}: several images would be named {twice[0]}.png; rename one")
    used = _models.load(weights)
    colours = used.recipe.taxonomy.colours
    size = _size.fitted(used, weights, width)
    labels = _labels(used, found, size, flip, Compute(accelerator=accelerator))
    refused, squeezed = [], 0
    for name, both in progress.track(zip(names, labels, strict=True), "label", len(found)):
        if isinstance(both, BadInput):
            refused.append(str(both))
            continue
        image, made = both
        squeezed += _squeezed(image, size)
        pictures.write_label(out / "labels" / f"{name}.png", made, colours)
        pictures.write_image(
            out / "overlays" / f"{name}.png", overlay(image, made, colours, opacity)
        )
    typer.echo(f"{len(found) - len(refused)} images labelled in {out}")
    if squeezed:
        typer.echo(f"{squeezed} were squeezed; --width keeps their proportions", err=True)
    if refused:
        raise BadInput("\n".join(refused))


def _labels(
    used: model.Model, found: list[Path], size: _Fitted, flip: bool, compute: Compute
) -> Iterator[tuple[Pixels, Pixels] | BadInput]:
    """Each image and its label, or why it cannot be read: the others are not lost."""
    fabric = launch(compute)
    network = fabric.setup_module(used).eval()
    for path in found:
        try:
            image = read_image(path)
        except BadInput as error:
            yield error
            continue
        height, own = image.shape[:2]
        seen = resize(image, size(own, height))
        pixels = torch.from_numpy(np.array(seen)).permute(2, 0, 1)[None]
        maps, over = predict.scores(network, fabric.to_device(pixels), flip)
        yield image, predict.labels(maps, height, own, over)[0].cpu().numpy()


def _squeezed(image: Pixels, size: _Fitted) -> bool:
    """Whether the network sees it in quite other proportions than it has."""
    height, width = image.shape[:2]
    seen = size(width, height)
    ratio = width * seen[1] / (height * seen[0])
    return bool(max(ratio, 1 / ratio) > SQUEEZED)


def overlay(
    image: Pixels, label: Pixels, colours: tuple[Colour, ...], opacity: float
) -> Image.Image:
    """The image under its label's colours."""
    above = Image.fromarray(pictures.colourise(label, colours))
    return Image.blend(Image.fromarray(image), above, opacity)
