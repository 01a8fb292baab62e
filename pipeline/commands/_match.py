"""How the images and labels of two folders match: what the reader `folder` must be told of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from PIL import Image

from pipeline.commands._endings import IMAGES, LABELS, endings, listed
from pipeline.domain.samples import Pair
from pipeline.domain.taxonomy import Taxonomy
from pipeline.runtime import parts
from pipeline.runtime.files import BadInput
from pipeline.runtime.params import validate
from pipeline.sections.domain import DomainParams

_INDEXED = ("1", "P", "L", "I;16", "I")
_NOBODY = Taxonomy(("x",), ((1, 1, 1),))


@dataclass(frozen=True)
class Found:
    """A folder of images with that of its labels, as the reader `folder` reads them."""

    root: Path
    options: dict[str, Any]
    pairs: Sequence[Pair]
    strays: Sequence[str] = ()
    others: Sequence[str] = ()
    """What else the names of labels end in that match as many images."""

    @property
    def labelled(self) -> list[Pair]:
        """Those with a label."""
        return [pair for pair in self.pairs if pair.label]


def images_of(folder: Path) -> Found:
    """A folder of images alone. Raises BadInput where it holds none."""
    _check(folder)
    if not listed(folder, IMAGES):
        raise BadInput(f"{folder}: no images here ({', '.join(IMAGES)})")
    options = {"images": ".", "labels": None}
    return Found(_allowed(folder, folder, None), options, _read(folder, options).pairs())


def _check(folder: Path) -> None:
    """Raises BadInput for what is no folder, and for one that params.yaml cannot name."""
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder")
    try:
        str(folder).encode()
    except UnicodeEncodeError as error:
        raise BadInput(f"{str(folder)!r}: is no UTF-8, as params.yaml is; rename it") from error


def matched(images: Path, labels: Path) -> Found:
    """Both folders, by the endings of names that make most pairs.

    Raises BadInput where there are none, or the folders have no root that can be one.
    """
    for folder in (images, labels):
        _check(folder)
    root = _allowed(_common(images, labels), images, labels)
    places = {
        "images": os.path.relpath(images, root),
        "labels": os.path.relpath(labels, root),
    }
    counts = len(listed(images, IMAGES)), len(listed(labels, LABELS))
    likely = min(counts) / (4 if images.resolve() == labels.resolve() else 2)
    tried = [
        found for found in _tried(root, places, endings(images, labels))
        if len(found.labelled) >= likely or not _ends(found)  # few pairs of many are by chance
    ]  # fmt: skip
    if not tried:
        raise BadInput(_unlike(images, labels))
    best = max(len(found.labelled) for found in tried)
    alike = [found for found in tried if len(found.labelled) == best]
    chosen = min(alike, key=_plainness)
    ends = {str(found.options.get("label_suffix", "")) for found in alike}
    others = sorted(ends - {"", str(chosen.options.get("label_suffix", ""))})
    return replace(chosen, others=others)


def _common(images: Path, labels: Path) -> Path:
    """The folder that holds both, written as they are."""
    both = [os.path.normpath(path) for path in (images, labels)]
    if len({PurePath(path).is_absolute() for path in both}) > 1:
        both = [str(Path(path).absolute()) for path in both]
    try:
        return Path(os.path.commonpath(both) or ".")
    except ValueError:
        return Path("/")


def _allowed(root: Path, images: Path, labels: Path | None) -> Path:
    """`root`, if a domain may have it. Raises BadInput that says how to give it another."""
    spec = {"reader": "folder", "root": str(root), "width": 8, "height": 8}
    try:
        if root.resolve() == Path("/"):
            raise BadInput("")
        validate(DomainParams, spec, "root")
    except BadInput as error:
        given = {"images": images} if labels is None else {"images": images, "labels": labels}
        links = "".join(
            f"\n  ln -s {folder.resolve()} data/raw/own/NAME/{kind}"
            for kind, folder in given.items()
        )
        raise BadInput(
            f"{' and '.join(map(str, given.values()))}: lie together in {root.resolve()} alone, "
            "which holds more than data; link them below a folder of their own, and name the links:"
            f"\n  mkdir -p data/raw/own/NAME{links}"
        ) from error
    return root


def _tried(
    root: Path, places: dict[str, str], endings: Sequence[tuple[str, str]]
) -> Iterator[Found]:
    for one, other in endings:
        for kind in ("", *IMAGES):  # of a photograph and its preview
            ends = {"image_suffix": one + kind, "label_suffix": other}
            options = {**places, **{key: end for key, end in ends.items() if end}}
            try:
                dataset = _read(root, options)
                pairs = dataset.pairs()
            except BadInput:
                continue
            found = Found(root, options, pairs, [*dataset.strays()])
            if found.labelled:
                yield found
                break


def _read(root: Path, options: dict[str, Any]) -> Any:
    return parts.build("datasets", "folder", options, root=root, classes=_NOBODY)


def _plainness(found: Found) -> tuple[int, bool, bool, int]:
    """Fewer images without a label before more, values before pictures, short endings before long.

    In one folder it also tells which side is the labels'.
    """
    ends = _ends(found)
    named = re.search("colou?r|rgb|instance|panoptic|visual", ends, re.IGNORECASE)
    bare = len(found.pairs) - len(found.labelled)
    return bare, pictured(found.root / str(found.labelled[0].label)), named is not None, len(ends)


def _ends(found: Found) -> str:
    return "".join(str(found.options.get(key, "")) for key in ("image_suffix", "label_suffix"))


def pictured(path: Path) -> bool:
    """Whether a label has colours; one that cannot be opened is told of where it is read."""
    try:
        with Image.open(path) as image:
            return image.mode not in _INDEXED
    except (OSError, ValueError):
        return False


def _unlike(images: Path, labels: Path) -> str:
    ones, others = listed(images, IMAGES), listed(labels, LABELS)
    if not ones:
        return f"{images}: holds no image ({', '.join(IMAGES)})"
    if not others:
        jpeg = listed(labels, (".jpg", ".jpeg", ".webp", ".gif"))
        why = f", but {len(jpeg)} such as {jpeg[0]}; save them as PNG" if jpeg else ""
        return f"{labels}: holds no label ({', '.join(LABELS)}){why}"
    return (
        f"{labels}: no name here is of an image in {images}, as far as can be seen: there are "
        f"{ones[0]} and {others[0]}; a pair has the same folders and name but for their ends"
    )
