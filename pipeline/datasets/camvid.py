"""CamVid as SegNet's authors distribute it: 367 frames to train, 101 to validate, 11 classes."""

from __future__ import annotations

from pathlib import Path, PurePath, PurePosixPath

from pipeline.domain.pixels import INDEX
from pipeline.domain.samples import Pair
from pipeline.domain.taxonomy import CAMVID
from pipeline.runtime.files import BadInput

_LONGEST = 250  # bytes; the folders of labels have longer names, and a name has 255 at most
_VALUES: dict[int, str | None] = {**dict(enumerate(CAMVID.names)), len(CAMVID): None}


class Dataset:
    """The images that a text file names: `train/x.png`, its label in `trainannot/x.png`.

    `list` is that file's path below the root; it holds one image a line, relative to the root.
    """

    encoding = INDEX
    values = _VALUES

    def __init__(self, root: Path, list: str) -> None:  # noqa: A002 - the option's name
        if PurePath(list).is_absolute() or ".." in PurePath(list).parts:
            raise BadInput(f"option list={list!r}: name a file inside {root}")
        self._root = root
        self._list = list

    def pairs(self) -> list[Pair]:
        """Sorted; without a label where its file is missing.

        Raises BadInput for a list that cannot be read, is empty or leaves the root.
        """
        path = self._root / self._list
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(
                f"{path}: cannot be read ({error}); expected a text file of images such as "
                f"train/x.png, with trainannot/x.png, in {self._root}"
            ) from error
        entries = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
        if not entries:
            raise BadInput(f"{path}: names no images; expected lines such as train/x.png")
        return sorted(
            (self._pair(number, entry) for number, entry in entries), key=lambda pair: pair.image
        )

    def _pair(self, number: int, entry: str) -> Pair:
        image = PurePosixPath(entry)
        outside = image.is_absolute() or ".." in image.parts
        if outside or len(image.parts) <= 1 or len(entry.encode(errors="replace")) > _LONGEST:
            raise BadInput(
                f"{self._root / self._list}: line {number}: {entry!r} is no path inside the data "
                "set; write the image's folder and name, such as train/x.png"
            )
        label = f"{image.parent}annot/{image.name}"
        return Pair(str(image), label if (self._root / label).is_file() else None, label)
