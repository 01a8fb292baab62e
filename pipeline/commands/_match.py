"""How the images and labels of two folders match: what the reader `folder` must be told of them."""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from PIL import Image

from pipeline.domain.samples import Pair
from pipeline.domain.taxonomy import Taxonomy
from pipeline.runtime import parts
from pipeline.runtime.files import BadInput, below
from pipeline.runtime.params import validate
from pipeline.sections.domain import DomainParams

IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
LABELS = (".png", ".bmp", ".tif", ".tiff")
_TRIED = 60
"""Images whose labels are looked for by name, to see how names differ."""
_NEAR, _KINDS = 4, 6
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
    options = {"images": ".", "labels": None}
    return Found(_allowed(folder, folder, None), options, _read(folder, options).pairs())


def matched(images: Path, labels: Path) -> Found:
    """Both folders, by the endings of names that make most pairs.

    Raises BadInput where there are none, or the folders have no root that can be one.
    """
    for folder in (images, labels):
        if not folder.is_dir():
            raise BadInput(f"{folder}: no such folder")
    root = _allowed(_common(images, labels), images, labels)
    places = {
        "images": os.path.relpath(images, root),
        "labels": os.path.relpath(labels, root),
    }
    tried = [*_tried(root, places, _endings(images, labels))]
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
            f"\n  ln -s {folder.absolute()} data/raw/own/NAME/{kind}"
            for kind, folder in given.items()
        )
        raise BadInput(
            f"{' and '.join(map(str, given.values()))}: lie together in {root.absolute()} alone, "
            "which holds more than data; link them below a folder of their own, and name the links:"
            f"\n  mkdir -p data/raw/own/NAME{links}"
        ) from error
    return root


def _listed(folder: Path, kinds: Sequence[str]) -> list[str]:
    """The files' paths within the folder, without what a system hides."""
    inside = (path for path in below(folder) if path.suffix.lower() in kinds)
    names = (path.relative_to(folder) for path in inside)
    return [n.as_posix() for n in names if not any(part.startswith(".") for part in n.parts)]


def _endings(images: Path, labels: Path) -> list[tuple[str, str]]:
    """What an image's and its label's names end in beyond what they share, the usual ones first."""
    ones, others = _listed(images, IMAGES), _listed(labels, LABELS)
    same = images.resolve() == labels.resolve()
    keys = sorted(others)
    count: Counter[tuple[str, str]] = Counter()
    for one in ones[:: max(1, len(ones) // _TRIED)]:
        at = bisect_left(keys, one)
        near = keys[max(0, at - _NEAR) : at + _NEAR + 1]
        shared = {other: _shared(one, other) for other in near if not (same and other == one)}
        most = max(map(len, shared.values()), default=0)
        for other, start in shared.items():
            if start and len(start) == most:
                count[_rest(one, start, False), _rest(other, start, True)] += 1
    found = [ends for ends, _ in count.most_common(_KINDS)]
    return list(dict.fromkeys([("", ""), *found]))


def _shared(one: str, other: str) -> str:
    """What two names begin with, up to the end of a word."""
    stems = [name.removesuffix(PurePath(name).suffix) for name in (one, other)]
    alike = zip(*stems, strict=False)
    start = stems[0][: next((n for n, (a, b) in enumerate(alike) if a != b), min(map(len, stems)))]
    if start in stems:
        return start
    if (rest := [stem[len(start) :] for stem in stems]) and all(r[:1].isalnum() for r in rest):
        start = re.sub(r"[^\W_]+$", "", start)
    return start.rstrip("-_. ")


def _rest(name: str, start: str, label: bool) -> str:
    kind = PurePath(name).suffix
    rest = name.removesuffix(kind)[len(start) :]
    return rest + kind if label and PurePath(f"x{rest}").suffix.lower() in IMAGES else rest


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
            if any(pair.label for pair in pairs):
                yield Found(root, options, pairs, [*dataset.strays()])
                break


def _read(root: Path, options: dict[str, Any]) -> Any:
    return parts.build("datasets", "folder", options, root=root, classes=_NOBODY)


def _plainness(found: Found) -> tuple[int, bool, bool, int]:
    """Fewer images without a label before more, values before pictures, short endings before long.

    In one folder it also tells which side is the labels'.
    """
    ends = "".join(str(found.options.get(k, "")) for k in ("image_suffix", "label_suffix"))
    named = re.search("colou?r|rgb|instance|panoptic|visual", ends, re.IGNORECASE)
    bare = len(found.pairs) - len(found.labelled)
    return bare, pictured(found.root / str(found.labelled[0].label)), named is not None, len(ends)


def pictured(path: Path) -> bool:
    """Whether a label has colours; one that cannot be opened is told of where it is read."""
    try:
        with Image.open(path) as image:
            return image.mode not in _INDEXED
    except (OSError, ValueError):
        return False


def _unlike(images: Path, labels: Path) -> str:
    ones, others = _listed(images, IMAGES), _listed(labels, LABELS)
    if not ones:
        return f"{images}: holds no image ({', '.join(IMAGES)})"
    if not others:
        jpeg = _listed(labels, (".jpg", ".jpeg", ".webp", ".gif"))
        why = f", but {len(jpeg)} such as {jpeg[0]}; save them as PNG" if jpeg else ""
        return f"{labels}: holds no label ({', '.join(LABELS)}){why}"
    return (
        f"{labels}: no name here is of an image in {images}, as far as can be seen: there are "
        f"{ones[0]} and {others[0]}; a pair has the same folders and name but for their ends"
    )
