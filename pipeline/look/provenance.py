"""Where a report is from: preset, seed, the revision that made it, and where the images lie."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from pipeline.runtime import params
from pipeline.runtime.contents import Content, section_of

_LOG = ("git", "log", "-1", "--format=%h %cs")


def of(content: Content, index: Path, presets: Path = Path("presets")) -> dict[str, str | int]:
    """What there is of preset, seed, revision, committed (its day) and root, for the page `index`.

    The preset is the one that params.yaml is, to the last value. root: the target's folder, as a
    path from the page where params.yaml has one from the project. No stage runs again for any.
    """
    alike = [path.stem for path in sorted(presets.glob("*.yaml")) if params.read(path) == content]
    found: dict[str, str | int] = {"preset": alike[0]} if alike else {}
    if "seed" in content:
        found["seed"] = content["seed"]
    if given := section_of(content, "prepare.target").get("root"):
        root = Path(given)
        found["root"] = root.as_posix() if root.is_absolute() else _from(index.parent, root)
    return found | dict(zip(("revision", "committed"), _revision(index), strict=False))


def _from(folder: Path, root: Path) -> str:
    return Path(os.path.relpath(root, folder)).as_posix()


def _revision(index: Path) -> list[str]:
    """Of git, and the day of its commit; nothing where there is none."""
    try:
        done = subprocess.run(_LOG, cwd=index.parent, capture_output=True, text=True, check=False)
    except OSError:
        return []
    return done.stdout.split() if done.returncode == 0 else []
