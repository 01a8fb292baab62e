"""Your own data: a folder of images and, where there are any, a folder of labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Annotated

from pydantic import Field

from pipeline.domain.pixels import INDEX
from pipeline.domain.samples import Pair
from pipeline.domain.taxonomy import Taxonomy
from pipeline.runtime.files import BadInput, below

_IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
_LABELS = (".png", ".bmp", ".tif", ".tiff")  # lossless: JPEG would invent values

Raw = Annotated[int, Field(ge=0, le=65535)]


class Dataset:
    """`images/**/x.jpg` with `labels/**/x.png`, matched by their paths without suffix.

    Labels have one channel of raw values: the classes' ids in their order, or what `label_map`
    (raw value -> class name) says; `ignore` lists raw values that count nowhere. `labels` is
    None where there are none. Raises BadInput for folders, names and values that do not fit.
    """

    encoding = INDEX

    def __init__(
        self,
        root: Path,
        classes: Taxonomy,
        *,
        images: str = "images",
        labels: str | None = "labels",
        label_map: dict[Raw, str] | None = None,
        ignore: Sequence[Raw] = (255,),
    ) -> None:
        for option, folder in (("images", images), ("labels", labels or ".")):
            if PurePath(folder).is_absolute() or ".." in PurePath(folder).parts:
                raise BadInput(f"option {option}={folder!r}: name a folder inside {root}")
        self._root, self._images, self._labels = root, images, labels
        self.values = _values(classes, label_map, ignore)

    def pairs(self) -> list[Pair]:
        """Sorted; without a label where there is none. Raises BadInput without images."""
        labels = {} if self._labels is None else self._by_stem(self._labels, _LABELS)
        taken = set(labels.values())  # the images' folder may hold that of the labels
        images = {
            stem: path
            for stem, path in self._by_stem(self._images, _IMAGES).items()
            if path not in taken
        }
        if not images:
            raise BadInput(
                f"{self._root / self._images}: no images here ({', '.join(_IMAGES)}); expected "
                f"{self._images}/x.jpg with {self._labels or 'labels'}/x.png in {self._root}"
            )
        pairs = [Pair(path, labels.get(stem)) for stem, path in images.items()]
        return sorted(pairs, key=lambda pair: pair.image)

    def _by_stem(self, folder: str, suffixes: tuple[str, ...]) -> dict[str, str]:
        """Path within `folder` without suffix -> path within the root. Raises BadInput."""
        top = self._root / folder
        if not top.is_dir():
            raise BadInput(
                f"{top}: no such folder; expected {self._images}/x.jpg with "
                f"{self._labels or 'labels'}/x.png in {self._root}; set the reader's options "
                "images and labels (labels: null where there are none)"
            )
        found: dict[str, str] = {}
        for path in below(top):
            inside = path.relative_to(top)
            hidden = any(part.startswith(".") for part in inside.parts)
            if path.suffix.lower() in suffixes and not hidden:
                name = path.relative_to(self._root).as_posix()
                stem = inside.with_suffix("").as_posix()
                if stem in found:
                    raise BadInput(
                        f"{self._root}: {found[stem]} and {name} have the same name but for their "
                        "suffix; remove or rename one"
                    )
                found[stem] = name
        return found


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
