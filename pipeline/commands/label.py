"""Label a folder of new images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from lightning_fabric import Fabric
from PIL import Image
from torch import nn

from pipeline.checks.candidates import check_length
from pipeline.checks.census import SQUEEZED
from pipeline.commands import _models, _size
from pipeline.domain import pictures
from pipeline.domain.colours import Colour
from pipeline.domain.pixels import Pixels, read_image, resize
from pipeline.domain.samples import file_name
from pipeline.inference import predict
from pipeline.model import model
from pipeline.runtime import progress, work
from pipeline.runtime.compute import Compute
from pipeline.runtime.files import BadInput, below
from pipeline.runtime.launch import launch
from pipeline.runtime.params import validate

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
    cluster: Annotated[
        str | None, typer.Option(help="Ray's: host:port, or auto, that this machine is in")
    ] = None,
) -> None:
    """Label every image of a folder: palette PNGs of train ids, and overlays to look at."""
    own = [(out / name).resolve() for name in ("labels", "overlays")]  # an earlier run's
    found = [
        path for path in below(images)
        if path.suffix.lower() in SUFFIXES and not {*own} & {*path.resolve().parents}
    ]  # fmt: skip
    if not found:
        what = "" if images.is_dir() else "is no folder, and so "
        raise BadInput(f"{images}: {what}holds no image ({', '.join(SUFFIXES)})")
    names = [file_name(path.relative_to(images).as_posix()) for path in found]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise BadInput(f"{images}: several images would be named {twice[0]}.png; rename one")
    used = _models.load(weights)
    size = _size.fitted(used, weights, width)
    compute = validate(Compute, {"accelerator": accelerator, "cluster": cluster}, "segue label")
    jobs = [*zip(names, found, strict=True)]
    refused, squeezed = [], 0
    made = _labelled(Labelling(used, size, flip, opacity, compute, out), jobs)
    for done in progress.track(made, "label", len(jobs)):
        if isinstance(done, str):
            refused.append(done)
        else:
            squeezed += done
    typer.echo(f"{len(found) - len(refused)} images labelled in {out}")
    if squeezed:
        typer.echo(f"{squeezed} were squeezed; --width keeps their proportions", err=True)
    if refused:
        raise BadInput("\n".join(refused))


@dataclass(frozen=True)
class Labelling:
    """Writes the label of an image and its overlay, wherever it is called."""

    used: model.Model
    size: _Fitted
    flip: bool
    opacity: float
    compute: Compute
    out: Path

    @cached_property
    def _ready(self) -> tuple[Fabric, nn.Module]:
        fabric = launch(self.compute, alone=True)
        return fabric, fabric.setup_module(self.used).eval()

    def __call__(self, job: tuple[str, Path]) -> bool | str:
        """Whether an image was squeezed, or why it cannot be read: the others are not lost."""
        name, path = job
        try:
            check_length(name, path)
            image = read_image(path)
        except BadInput as error:
            return str(error)
        fabric, network = self._ready
        height, own = image.shape[:2]
        seen = resize(image, self.size(own, height))
        pixels = torch.from_numpy(np.array(seen)).permute(2, 0, 1)[None]
        maps, over = predict.scores(network, fabric.to_device(pixels), self.flip)
        made = predict.labels(maps, height, own, over)[0].cpu().numpy()
        colours = self.used.recipe.taxonomy.colours
        pictures.write_label(self.out / "labels" / f"{name}.png", made, colours)
        shown = overlay(image, made, colours, self.opacity)
        pictures.write_image(self.out / "overlays" / f"{name}.png", shown)
        return _squeezed(image, self.size)


def _labelled(labelling: Labelling, jobs: Sequence[tuple[str, Path]]) -> Iterator[bool | str]:
    """One after the other, or by the processes of a cluster."""
    where = labelling.compute.cluster
    if where is None:
        yield from map(labelling, jobs)
        return
    yield from work.each(labelling, jobs, where, labelling.compute)
    work.sweep([labelling.out])


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
