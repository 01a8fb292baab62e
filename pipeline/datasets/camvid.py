"""CamVid as SegNet's authors distribute it: 367 frames to train, 101 to validate, 11 classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath, PurePosixPath
from typing import Literal

from pipeline.domain.pairing import Files, Joined, Matched, OneOrMore, listed
from pipeline.domain.pixels import INDEX
from pipeline.domain.samples import Pair
from pipeline.domain.taxonomy import CAMVID
from pipeline.runtime.files import BadInput

_LONGEST = 250  # bytes; the folders of labels have longer names, and a name has 255 at most
_VALUES: dict[int, str | None] = {**dict(enumerate(CAMVID.names)), len(CAMVID): None}


class Dataset(Joined):
    """`train/x.png` with its label in `trainannot/x.png`.

    `split` reads whole folders, `list` the images that a text file names: its path below the root;
    it holds one image a line, relative to the root.
    """

    encoding = INDEX
    values = _VALUES

    def __init__(
        self,
        root: Path,
        split: OneOrMore[Literal["train", "val", "test"]] | None = None,
        list: str | None = None,  # noqa: A002 - the option's name
    ) -> None:
        folders = listed(split or ())
        super().__init__(*(Matched(root, Files(one), Files(f"{one}annot")) for one in folders))
        self._root, self._list = root, list

    @staticmethod
    def contradiction(split: object, list: str | None) -> str | None:  # noqa: A002
        """Both or none of the two, and a list outside the root."""
        if (split is None) == (list is None):
            return "give one of the options split and list, as split: train"
        if list and (PurePath(list).is_absolute() or ".." in PurePath(list).parts):
            return f"option list={list!r}: name a file inside the root"
        return None

    def pairs(self) -> list[Pair]:
        """Sorted; without a label where its file is missing.

        Raises BadInput for folders that hold none, and for a list that cannot be read, is empty or
        leaves the root.
        """
        if self._list is None:
            return super().pairs()
        found = [self._pair(number, entry) for number, entry in self._entries(self._list)]
        return sorted(found, key=lambda pair: pair.image)

    def _entries(self, name: str) -> Iterator[tuple[int, str]]:
        """The lines of a list that hold anything, each with its number."""
        path = self._root / name
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(
                f"{path}: cannot be read ({error}); expected a text file of images such as "
                f"train/x.png, with trainannot/x.png, in {self._root}"
            ) from error
        if not any(line.strip() for line in lines):
            raise BadInput(f"{path}: names no images; expected lines such as train/x.png")
        yield from ((n, line.strip()) for n, line in enumerate(lines, 1) if line.strip())

    def _pair(self, number: int, entry: str) -> Pair:
        image = PurePosixPath(entry)
        outside = image.is_absolute() or ".." in image.parts
        if outside or len(image.parts) <= 1 or len(entry.encode(errors="replace")) > _LONGEST:
            raise BadInput(
                f"{self._root}/{self._list}: line {number}: {entry!r} is no path inside the data "
                "set; write the image's folder and name, such as train/x.png"
            )
        label = f"{image.parent}annot/{image.name}"
        return Pair(str(image), label if (self._root / label).is_file() else None, label)
