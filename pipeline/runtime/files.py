"""Reading and writing files: what may be wrong with them, in one line that names the file."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

mark = ""
"""Tells apart what processes of a cluster write at once: each sets it to a name of its own."""

AGAIN = "run dvc repro, which restores or makes it again"
"""The fix of a file that lies between stages."""

_OF_THE_FILE = {
    None, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EACCES,
    errno.EPERM, errno.EINVAL,
}  # fmt: skip
"""An OSError with another number is the machine's, and says nothing of a file."""


class BadInput(ValueError):
    """Something of the user's is wrong; the message names the file, the value and the fix."""


class Ended(BadInput):
    """Another process of the run has ended; what is wrong is there, and not here."""


@contextmanager
def readable(path: Path, kind: str, fix: str = "replace the file") -> Iterator[None]:
    """Whatever a damaged or foreign file raises while it is read becomes a BadInput naming it.

    Want of memory or of file handles and a disk's own errors stay what they are.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a named pipe would be waited for
            raise ValueError("it is no file")
        yield
    except (BadInput, MemoryError):
        raise
    except Exception as error:  # which they are depends on the format and the damage
        if isinstance(error, OSError) and error.errno not in _OF_THE_FILE:
            raise
        reason = (str(error) or repr(error)).splitlines()[0]
        raise BadInput(f"{path}: cannot be read as {kind} ({reason}); {fix}") from error


@contextmanager
def writable(path: Path, kept: str = "") -> Iterator[None]:
    """A full disk, a file where a folder should be, a lacking right: a BadInput naming the path.

    `kept`: what to add of that which was there.
    """
    try:
        yield
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be written: {error}; make room, or look at the folder's rights, and "
            f"run it again{kept}"
        ) from error


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex. Raises BadInput naming the file."""
    with readable(path, "a file"), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def below(top: Path) -> list[Path]:
    """All that is in a folder and its folders, sorted, also behind links that do not go round."""
    found: list[Path] = []
    above = {str(top): {top.resolve()}}  # of each folder, where it and those on the way to it lie
    for name, folders, files in os.walk(top, followlinks=True):
        found += [Path(name, inside) for inside in (*folders, *files)]
        for folder in [*folders]:
            real = Path(name, folder).resolve()
            above[os.path.join(name, folder)] = above[name] | {real}  # noqa: PTH118 - walk's own
            if real in above[name]:
                folders.remove(folder)
    return sorted(found)


@contextmanager
def replacing(path: Path, own: str = "") -> Iterator[Path]:
    """A file beside `path` to be written; flushed to disk, it then takes the place of `path`.

    Its name is always the same, so that what a killed process left is overwritten; `own` tells
    apart those of several writers at once. Raises BadInput where it cannot be written.
    """
    partial = path.with_name(f".{path.name}{own or mark}.partial")
    try:
        with writable(path, ": what was there is as it was"):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink()


def settle(folder: Path) -> None:
    """A folder's names are on disk: a file that was renamed there outlives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, content: bytes) -> None:
    """All of it or, where it fails, nothing: see `replacing`."""
    with replacing(path) as partial:
        partial.write_bytes(content)


def write_json(path: Path, content: Any) -> None:
    """Sorted nowhere, indented, and without NaN: a field that does not apply is null."""
    write_bytes(path, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path, fix: str = AGAIN) -> Any:
    """Whatever the file holds. Raises BadInput for a file that is no JSON."""
    with readable(path, "JSON", fix):
        return json.loads(path.read_text(encoding="utf-8-sig"))
