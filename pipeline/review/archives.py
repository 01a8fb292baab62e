"""What a tool gives back: a file, a folder, or an archive of one."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.runtime.files import BadInput, below, readable

_TAKEN = (".xml", ".json", ".txt", ".png")
_PICTURES = ("images", "JPEGImages")

AGAIN = "export it from the tool again"
"""The fix of a file that a tool has written."""


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The path itself or, of a .zip, a folder with its annotations that is gone in the end.

    A BadInput that is raised meanwhile names the .zip.
    """
    if path.suffix.lower() != ".zip":
        if not path.exists():
            raise BadInput(f"{path}: no such file or folder")
        yield path
        return
    with tempfile.TemporaryDirectory() as name:
        with readable(path, "a .zip"), zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                inside = Path(member.filename)
                if inside.suffix.lower() in _TAKEN and not {*_PICTURES} & {*inside.parts}:
                    archive.extract(member, name)  # which lets nothing out of the folder
        try:
            yield Path(name)
        except BadInput as error:
            raise named(error, Path(name), path) from error


def named(error: BadInput, folder: Path, path: Path) -> BadInput:
    """The same of `path`, from which the `folder` was made."""
    return BadInput(str(error).replace(str(folder), str(path)))


def only(path: Path, suffix: str) -> Path:
    """The path, or the one file of that suffix in it. Raises BadInput for none, and for several."""
    if not path.is_dir():
        return path
    found = [file for file in below(path) if file.suffix.lower() == suffix]
    if len(found) != 1:
        raise BadInput(
            f"{path}: holds {len(found)} files that end in {suffix}; name the one with the "
            "annotations"
        )
    return found[0]


@contextmanager
def sound(where: str) -> Iterator[None]:
    """What the numbers of an annotation may raise becomes a BadInput that begins with `where`."""
    try:
        yield
    except BadInput:
        raise
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise BadInput(f"{where}: {reason}; {AGAIN}") from error
