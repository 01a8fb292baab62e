"""Your own data: a folder of images and, where there are any, a folder of labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path, PurePath

from pipeline.domain.pairing import Files, Matched, OneOrMore, listed
from pipeline.domain.palettes import PALETTES, Raw, is_colour, number
from pipeline.domain.pixels import COLOUR, INDEX
from pipeline.domain.taxonomy import IGNORE, Taxonomy
from pipeline.runtime.files import BadInput

_IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
_LABELS = (".png", ".bmp", ".tif", ".tiff")  # lossless: JPEG would invent values


class Dataset(Matched):
    """`images/**/x.jpg` with `labels/**/x.png`, matched by their paths without suffix.

    `image_suffix` and `label_suffix` are what the names of a side end in beyond that, such as
    `_rgb` or `_mask.png`: they are taken off before names are compared, and a file without its
    side's suffix is none of it. Both sides may be one folder: a file is then of the side whose
    suffix it has, and without any suffix lossless files are labels and the others images. `split`
    are the folders below those of both sides to read, such as `train`; all that there are by
    default.

    Labels have one channel of raw values: the classes' ids in their order, or what `label_map`
    (raw value -> class name) says; `ignore` lists raw values that count nowhere, 255 where none
    are named. Or they are pictures, whose colours `label_map` names ("#804080" -> class name) or
    knows as a palette of PALETTES; then nothing is ignored that is not named. `labels` is None
    where there are none. Raises BadInput for folders, names and values that do not fit.
    """

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
        label_map: dict[Raw, str] | str | None = None,
        ignore: Sequence[Raw] | None = None,
    ) -> None:
        places = ("",) if split is None else listed(split)
        one, other = _sides(images, labels, image_suffix, label_suffix)
        one, other = replace(one, places=places), other and replace(other, places=places)
        super().__init__(root, one, other)
        self.encoding = COLOUR if _colours(label_map) else INDEX
        self.values = _values(classes, label_map, ignore)

    @staticmethod
    def contradiction(
        images: str,
        labels: str | None,
        image_suffix: str,
        label_suffix: str,
        split: str | Sequence[str] | None,
        label_map: Mapping[int | str, str] | str | None,
        ignore: Sequence[int | str] | None,
    ) -> str | None:
        """Folders outside the root, and suffixes, sides or values that nothing tells apart."""
        folders = [("images", images), ("labels", labels or ".")]
        folders += [("split", folder) for folder in listed(split or ())]
        sides = _problems(images, labels, image_suffix, label_suffix)
        problems = chain(_outside(folders), sides, _mixed(label_map, ignore or ()))
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


def _mixed(
    label_map: Mapping[int | str, str] | str | None, ignore: Sequence[int | str]
) -> Iterator[str]:
    if isinstance(label_map, str) and label_map not in PALETTES:
        yield (
            f"label_map={label_map!r}: no palette of that name; choose {', '.join(PALETTES)}, or "
            "map values or colours to classes"
        )
    elif not isinstance(label_map, str) and len({is_colour(raw) for raw in label_map or ()}) > 1:
        yield f"label_map={label_map!r}: a label holds values or colours; name one kind of them"
    elif other := [raw for raw in ignore if is_colour(raw) != _colours(label_map)]:
        kind = "colours, as label_map does" if _colours(label_map) else "values, as labels do"
        yield f"ignore: {other[0]!r}: write {kind}"


def _colours(label_map: Mapping[int | str, str] | str | None) -> bool:
    return isinstance(label_map, str) or any(map(is_colour, label_map or ()))


def _values(
    classes: Taxonomy,
    label_map: Mapping[int | str, str] | str | None,
    ignore: Sequence[int | str] | None,
) -> dict[int, str | None]:
    if ignore is None:
        ignore = () if _colours(label_map) else (IGNORE,)
    nothing = dict.fromkeys(map(number, ignore))
    if isinstance(label_map, str):
        return {**{number(raw): name for raw, name in PALETTES[label_map].items()}, **nothing}
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
    return {**{number(raw): name for raw, name in named.items()}, **nothing}
