"""Images and their labels, found on disk by the names of their files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Annotated, TypeAlias, TypeVar

from pydantic import Field

from pipeline.domain.samples import Pair
from pipeline.runtime.files import BadInput, below

_SHOWN = 3
"""How many files a message names as examples."""

_Item = TypeVar("_Item")
OneOrMore: TypeAlias = _Item | Annotated[list[_Item], Field(min_length=1)]
"""An option: `train`, or `[train, test]`."""


def listed(given: str | Sequence[str]) -> tuple[str, ...]:
    """One or more, each once."""
    return (given,) if isinstance(given, str) else tuple(dict.fromkeys(given))


@dataclass(frozen=True)
class Files:
    """One side of a data set: the files below a folder whose names end in a certain way.

    A name ends in `suffix` and one of `extensions`, these in whatever case. What stands before it,
    with the folders on the way, is the file's key: an image and a label of one key are a pair.
    """

    folder: str
    suffix: str = ""
    extensions: tuple[str, ...] = (".png",)
    places: tuple[str, ...] = ("",)
    """The folders below `folder` to read, and no others; of labels and masks, where they are."""
    begins: tuple[str, ...] = ("",)
    """What names begin with, one of these."""
    unlike: tuple[str, ...] = ()
    """Longer suffixes, of files that are something else."""
    required: bool = False
    """Of labels: the folder must be there and hold some, because the user has named it."""

    def key(self, inside: PurePath) -> str | None:
        """Of a path within `folder`; None where its name ends otherwise."""
        stem = inside.stem
        ends = inside.suffix.lower() in self.extensions and stem.endswith(self.suffix)
        if not ends or stem.endswith(self.unlike) or not stem.startswith(self.begins):
            return None
        return (inside.parent / "x").as_posix()[:-1] + stem.removesuffix(self.suffix)

    def named(self, key: str) -> str:
        """The path within the root that the file of a key would have: `labels/x_gt.{png,tif}`."""
        kinds = ",".join(extension[1:] for extension in self.extensions)
        kinds = f"{{{kinds}}}" if len(self.extensions) > 1 else kinds
        return PurePath(self.folder, f"{key}{self.suffix}.{kinds}").as_posix()


class Matched:
    """What readers have in common whose images and labels are two sets of files.

    `regions`: masks of the pixels that count, a third; or the images again, where a dark surround
    does not count.
    """

    advice = "rename them"
    """What to do about files of other names than expected."""
    elsewhere = "set the root to the folder that holds them"
    """What to do about a folder that is not there."""
    example = "x"
    """A key within a place, for messages."""

    def __init__(
        self, root: Path, images: Files, labels: Files | None, regions: Files | None = None
    ) -> None:
        self._root, self._images, self._labels, self._regions = root, images, labels, regions

    def pairs(self) -> list[Pair]:
        """Sorted; without a label where there is none.

        Raises BadInput without images, where there are labels and none is of an image, and where
        two files of one side have the same name but for their extension.
        """
        images, labels = self._both()
        if labels and not images.keys() & labels.keys():
            raise BadInput(self._apart(images, labels))
        regions = {} if self._regions is None else self._keyed(self._regions, None)
        found = [
            Pair(path, labels.get(key), self._wanted(key), regions.get(key) or self._region(key))
            for key, path in images.items()
        ]
        return sorted(found, key=lambda pair: pair.image)

    def strays(self) -> dict[str, str]:
        """Labels of no image, and the image that was looked for: paths within the root."""
        images, labels = self._both()
        left = sorted(labels.keys() - images.keys())
        return {labels[key]: self._images.named(key) for key in left}

    def _both(self) -> tuple[dict[str, str], dict[str, str]]:
        """Key -> path within the root, of images and of labels."""
        images = self._keyed(self._images, self._labels)
        labels = {} if self._labels is None else self._keyed(self._labels, self._images)
        for side, found in ((self._images, images), (self._labels, labels)):
            if side and not found and (side is self._images or side.required):
                raise BadInput(self._none(side))
        return images, labels

    def _keyed(self, side: Files, other: Files | None) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in self._listed(side):
            key = side.key(PurePath(name).relative_to(side.folder))
            if key is None or (other and _belongs(PurePath(name), other, side)):
                continue
            if found.get(key, name) != name:
                raise BadInput(
                    f"{self._root}: {found[key]} and {name} have the same name but for their "
                    "suffix; remove or rename one"
                )
            found[key] = name
        return found

    def _listed(self, side: Files) -> Iterator[str]:
        """All that lies there, as paths within the root, but for what a system hides."""
        for place in side.places:
            top = self._root / side.folder / place
            if top.is_dir():
                for path in below(top):
                    if not any(part.startswith(".") for part in path.relative_to(top).parts):
                        yield path.relative_to(self._root).as_posix()
            elif side is self._images or (
                side.required and not (self._root / side.folder).is_dir()
            ):
                raise BadInput(f"{top}: no such folder; {self._expected()}; {self.elsewhere}")

    def _wanted(self, key: str) -> str | None:
        return None if self._labels is None else self._labels.named(key)

    def _region(self, key: str) -> str | None:
        return None if self._regions is None else self._regions.named(key)

    def _expected(self) -> str:
        place = PurePath(self._images.places[0], self.example).as_posix()
        wanted = self._wanted(place)
        labels = f" with {wanted}" if wanted else ""
        return f"expected {self._images.named(place)}{labels} in {self._root}"

    def _none(self, side: Files) -> str:
        kind = "images" if side is self._images else "labels"
        there = [name for name in self._listed(side) if (self._root / name).is_file()]
        other = f", but {len(there)} other files, such as {_examples(there)}" if there else ""
        fix = self.advice if there else self.elsewhere
        return f"{self._root / side.folder}: no {kind} here{other}; {self._expected()}; {fix}"

    def _apart(self, images: Mapping[str, str], labels: Mapping[str, str]) -> str:
        key = min(images)
        return (
            f"{self._root}: none of its {len(labels)} labels is of one of its {len(images)} "
            f"images: {images[key]} would have {self._wanted(key)}, and there are "
            f"{_examples(sorted(labels.values()))}; {self.advice}"
        )


class Joined:
    """What readers have in common whose splits lie each in folders of its own."""

    def __init__(self, *each: Matched) -> None:
        self._each = each

    def pairs(self) -> list[Pair]:
        """Of all, sorted. Raises BadInput as each does."""
        return sorted((p for one in self._each for p in one.pairs()), key=lambda pair: pair.image)

    def strays(self) -> dict[str, str]:
        """Of all, each with the image that was looked for."""
        return {label: image for one in self._each for label, image in one.strays().items()}


def _belongs(path: PurePath, other: Files, side: Files) -> bool:
    """Whether a file that both sides would take is the other's.

    It is of the deeper of two folders that lie in each other, and in one folder of the side whose
    suffix is the longer.
    """
    mine, its = PurePath(side.folder), PurePath(other.folder)
    if mine != its:
        return mine in its.parents and its in path.parents
    return len(other.suffix) > len(side.suffix) and other.key(path.relative_to(its)) is not None


def _examples(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
