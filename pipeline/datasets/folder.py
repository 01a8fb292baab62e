"""Your own data: a folder of images and, where there are any, a folder of labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path, PurePath
from typing import Annotated

from pydantic import Field

from pipeline.domain.pairing import Files, Matched, OneOrMore, listed
from pipeline.domain.pixels import INDEX
from pipeline.domain.taxonomy import Taxonomy
from pipeline.runtime.files import BadInput

_IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
_LABELS = (".png", ".bmp", ".tif", ".tiff")  # lossless: JPEG would invent values

Raw = Annotated[int, Field(ge=0, le=65535)]


class Dataset(Matched):
    """`images/**/x.jpg` with `labels/**/x.png`, matched by their paths without suffix.

    `image_suffix` and `label_suffix` are what the names of a side end in beyond that, such as
    `_rgb` or `_mask.png`: they are taken off before names are compared, and a file without its
    side's suffix is none of it. Both sides may be one folder: a file is then of the side whose
    suffix it has, and without any suffix lossless files are labels and the others images. `split`
    are the folders below those of both sides to read, such as `train`; all that there are by
    default.

    Labels have one channel of raw values: the classes' ids in their order, or what `label_map`
    (raw value -> class name) says; `ignore` lists raw values that count nowhere. `labels` is
    None where there are none. Raises BadInput for folders, names and values that do not fit.
    """

    encoding = INDEX
    advice = "set image_suffix and label_suffix to what their names end in, or rename them"
    elsewhere = "set the options images and labels (labels: null where there are none)"

    def __init__(
        self,
        root: Path,
        classes: Taxonomy,
        *,
        images: str = "images",
        labels: str | None = "labels",
        image_suffix: str = "",
        label_suffix: str = "",
        split: OneOrMore[str] | None = None,
        label_map: dict[Raw, str] | None = None,
        ignore: Sequence[Raw] = (255,),
    ) -> None:
        places = ("",) if split is None else listed(split)
        one, other = _sides(images, labels, image_suffix, label_suffix)
        one, other = replace(one, places=places), other and replace(other, places=places)
        super().__init__(root, one, other)
        self.values = _values(classes, label_map, ignore)

    @staticmethod
    def contradiction(
        images: str,
        labels: str | None,
        image_suffix: str,
        label_suffix: str,
        split: str | Sequence[str] | None,
        **_: object,
    ) -> str | None:
        """Folders outside the root, suffixes of no name, and sides that nothing tells apart."""
        folders = [("images", images), ("labels", labels or ".")]
        folders += [("split", folder) for folder in listed(split or ())]
        problems = chain(_outside(folders), _problems(images, labels, image_suffix, label_suffix))
        return next((f"option {problem}" for problem in problems), None)


def _outside(folders: Sequence[tuple[str, str]]) -> Iterator[str]:
    for option, folder in folders:
        if PurePath(folder).is_absolute() or ".." in PurePath(folder).parts:
            yield f"{option}={folder!r}: name a folder inside the root"


def _problems(
    images: str, labels: str | None, image_suffix: str, label_suffix: str
) -> Iterator[str]:
    for option, suffix in (("image_suffix", image_suffix), ("label_suffix", label_suffix)):
        if {*suffix} & {*"/*?"}:
            yield f"{option}={suffix!r}: write how names end and no more, such as _mask"
    if labels is None and label_suffix:
        yield f"label_suffix={label_suffix!r}: labels is null; name their folder there"
    if not {*_split(label_suffix, _LABELS)[1]} <= {*_LABELS}:
        yield f"label_suffix={label_suffix!r}: a label must be one of {', '.join(_LABELS)}"
    one, other = _sides(images, labels, image_suffix, label_suffix)
    if other and _alike(one, other) and ({*one.extensions} & {*other.extensions}):
        yield (
            f"label_suffix={label_suffix!r}: image_suffix is the same, and images and labels lie "
            "in one folder; change one of them"
        )


def _alike(one: Files, other: Files) -> bool:
    return PurePath(one.folder) == PurePath(other.folder) and one.suffix == other.suffix


def _sides(
    images: str, labels: str | None, image_suffix: str, label_suffix: str
) -> tuple[Files, Files | None]:
    """In one folder, a side that names no extension has those that the other leaves it."""
    one = Files(images, *_split(image_suffix, _IMAGES))
    if labels is None:
        return one, None
    other = Files(labels, *_split(label_suffix, _LABELS), required=True)
    if _alike(one, other) and one.extensions == _IMAGES:
        one = replace(one, extensions=_less(_IMAGES, other.extensions))
    elif _alike(one, other) and other.extensions == _LABELS:
        other = replace(other, extensions=_less(_LABELS, one.extensions))
    return one, other


def _less(kinds: tuple[str, ...], taken: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(kind for kind in kinds if kind not in taken)


def _split(suffix: str, kinds: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """What stems end in, and the extensions: all `kinds` where the suffix has none of its own."""
    kind = PurePath(f"x{suffix}").suffix.lower()
    return (suffix[: -len(kind)], (kind,)) if kind in _IMAGES else (suffix, kinds)


def _values(
    classes: Taxonomy, label_map: dict[Raw, str] | None, ignore: Sequence[Raw]
) -> dict[int, str | None]:
    named = dict(enumerate(classes.names)) if label_map is None else label_map
    for raw, name in named.items():
        if name not in classes.names:
            raise BadInput(
                f"option label_map: {raw}: {name!r} is none of the classes; "
                f"choose {', '.join(classes.names)}, or list {raw} under ignore"
            )
        if raw in ignore:
            raise BadInput(
                f"option ignore: {raw} also means {name!r}; take it out of one of the two, "
                "label_map or ignore"
            )
    return {**named, **dict.fromkeys(ignore)}
