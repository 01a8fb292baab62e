"""`python -m pipeline.flow.mend`: what a killed DVC left half written, put right.

DVC writes `dvc.lock` and `.dvc/tmp/rwlock` in place, and reads neither when it was cut off.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dvc.dvcfile import LOCK_FILE, Lockfile
from dvc.exceptions import DvcException
from dvc.lock import make_lock
from dvc.repo import Repo
from dvc.rwlock import RWLOCK_FILE, RWLOCK_LOCK, SCHEMA
from dvc.scm import SCMError
from voluptuous import Invalid

_STAGE = re.compile(r"^  \S.*:\s*$", re.MULTILINE)
_CONFLICT = re.compile(r"^<{7} ", re.MULTILINE)


def mend() -> list[str]:
    """A line for each file of DVC's, at or above the current folder, that was not whole.

    Results are not touched: DVC's cache gives them to the stages that dvc.lock no longer knows.
    """
    with Repo(_wait_for_lock=True) as repo:
        return [*_rwlock(repo), *_lockfile(repo)]


def _rwlock(repo: Any) -> Iterator[str]:
    """Who reads and writes what: whoever was killed does neither."""
    path = Path(repo.tmp_dir) / RWLOCK_FILE
    guard = str(path.with_name(RWLOCK_LOCK))
    hardlink = repo.config["core"].get("hardlink_lock", False)
    with make_lock(guard, repo.tmp_dir, hardlink_lock=hardlink, wait=True):
        try:
            SCHEMA(json.loads(path.read_bytes()))
        except FileNotFoundError:
            return
        except (ValueError, Invalid):
            path.unlink()
            yield f"{path}: was cut off by a kill; removed"


def _lockfile(repo: Any) -> Iterator[str]:
    """As git's index has it, or without the last stage of what is there: whichever has more."""
    path = Path(repo.root_dir) / LOCK_FILE
    with repo.lock:
        if _whole(repo, path):
            return
        text = path.read_text(encoding="utf-8", errors="replace")
        if _CONFLICT.search(text):  # of git's, which is its user's to settle
            return
        damaged = Path(repo.tmp_dir) / f"{LOCK_FILE}.damaged"
        damaged.write_text(text, encoding="utf-8")
        *_, last = (0, *(found.start() for found in _STAGE.finditer(text)))
        best = max(text[:last], _staged(repo), key=_count)
        _replace(path, best)
        if not _whole(repo, path):
            path.unlink()
        yield (
            f"{path}: was cut off by a kill; {_count(best)} stages kept, DVC's cache has the "
            f"others; what it was is {damaged}"
        )


def _replace(path: Path, text: str) -> None:
    """A kill amid this leaves what was there."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _count(text: str) -> int:
    """Stages of a lock file."""
    return len(_STAGE.findall(text))


def _staged(repo: Any) -> str:
    """What git's index has of it: as it was committed, or added since."""
    command = ["git", "show", f":./{LOCK_FILE}"]
    shown = subprocess.run(command, cwd=repo.root_dir, capture_output=True, check=False)
    return "" if shown.returncode else shown.stdout.decode()


def _whole(repo: Any, path: Path) -> bool:
    """Whether DVC reads it, and each file in it has a hash: DVC trips over one without."""
    try:
        stages = Lockfile(repo, str(path)).load().get("stages", {})
    except (DvcException, UnicodeDecodeError):
        return False
    files = [
        file for of in stages.values() for kind in ("deps", "outs") for file in of.get(kind, [])
    ]
    hashed = all(file.keys() - {"path", "hash"} for file in files)
    return hashed and (not path.exists() or path.read_bytes().endswith(b"\n"))


if __name__ == "__main__":
    try:
        for line in mend():
            print(line)
    except SCMError as error:
        sys.exit(f"error: {error}; an unpacked archive becomes one by `git init`")
    except DvcException as error:
        sys.exit(f"error: {error}")
