"""Whether DVC will keep what a stage writes: it says so itself only when the stage has ended."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from pipeline.runtime.files import BadInput
from pipeline.runtime.lineage import NONE

_OURS = ("README.md", f"{NONE}.pt")
"""Files of the project's own that lie where stages write."""


def check(paths: Iterable[Path]) -> None:
    """Raises BadInput where a path below the current folder is none that DVC keeps."""
    own = [path for path in paths if not path.is_absolute()]
    for path in own:
        _inside(path)
    if tracked := _tracked(own):
        raise BadInput(
            f"{tracked[0]}: git tracks it ({len(tracked)} files in all), and DVC keeps nothing "
            f"that git does: git rm -r --cached {tracked[0]}, and commit"
        )


def _inside(path: Path) -> None:
    here = Path.cwd()
    if path.resolve().is_relative_to(here.resolve()):
        return
    link = next((p for p in [*reversed(path.parents), path] if p.is_symlink()), path)
    raise BadInput(
        f"{link}: leads out of the project, to {link.resolve()}, where DVC keeps nothing; remove "
        "the link, and put DVC's cache on the large disk instead: dvc cache dir DIR, and dvc "
        "config cache.type symlink"
    )


def _tracked(paths: list[Path]) -> list[str]:
    """What git has of them; nothing where there is no git."""
    command = ["git", "ls-files", "-z", "--", *map(str, paths)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return []
    found = done.stdout.split("\0") if done.returncode == 0 else []
    return [name for name in found if name and not name.endswith(_OURS)]
