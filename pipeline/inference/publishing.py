"""A folder of predictions takes its place once all of it is there."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterable
from pathlib import Path

from pipeline.runtime.files import BadInput, writable


def check_place(folder: Path) -> None:
    """Raises BadInput where `publish` would replace something else than predictions."""
    foreign = [path for path in folder.glob("*") if path.suffix != ".parquet"]
    if foreign or folder.is_file():
        raise BadInput(f"{folder}: is no folder of predictions alone; move it away")


def publish(made: Path, folder: Path, files: Iterable[str]) -> None:
    """`made`, all files of which are whole, becomes `folder`, in place of what was there.

    Raises BadInput where one of `files` is not in it.
    """
    if absent := [name for name in files if not (made / name).exists()]:
        raise BadInput(
            f"{made / absent[0]}: is not there ({len(absent)} files in all); the processes of a "
            "run must see one folder, and nobody may remove what is in it"
        )
    for left in made.glob("*.partial"):  # of a killed process
        left.unlink()
    with writable(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            made.replace(folder)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy(made, folder)


def _copy(made: Path, folder: Path) -> None:
    """To another file system; until `folder` is whole `made` stays, for a run that is killed."""
    beside = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(made, beside)
    beside.replace(folder)
    shutil.rmtree(made)
