"""Where a report is from: preset, seed, revision, where the images lie, steps behind a model."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

from pipeline.runtime import params
from pipeline.runtime.contents import Content, overlay, section_of
from pipeline.runtime.files import BadInput
from pipeline.runtime.names import MODELS

_LOG = ("git", "log", "-1", "--format=%h %cs")


def of(content: Content, index: Path, presets: Path = Path("presets")) -> dict[str, str | int]:
    """What there is of preset, seed, revision, committed (its day) and root, for the page `index`.

    The preset is the one that params.yaml is, to the last value. root: the target's folder, as a
    path from the page where params.yaml has one from the project. No stage runs again for any.
    """
    alike = [path.stem for path in sorted(presets.glob("*.yaml")) if _says(path, content)]
    found: dict[str, str | int] = {"preset": alike[0]} if alike else {}
    if "seed" in content:
        found["seed"] = content["seed"]
    if given := section_of(content, "prepare.target").get("root"):
        root = Path(given)
        found["root"] = root.as_posix() if root.is_absolute() else _from(index.parent, root)
    return found | dict(zip(("revision", "committed"), _revision(index), strict=False))


def _says(preset: Path, content: Content) -> bool:
    """Whether a preset is `content`; one that cannot be read is somebody's own, and is not."""
    with suppress(BadInput):
        return params.parse(preset) == content
    return False


def steps(content: Content, name: str) -> int:
    """Training steps behind a model, those of each model that it is made from included."""
    pretrains, warmups, means = (section_of(content, section) for section in MODELS[:3])
    if name in pretrains:
        return int(pretrains[name]["steps"])
    if name in warmups:
        return int(warmups[name]["steps"]) + steps(content, warmups[name]["from"])
    if name in means:
        return sum(steps(content, means[name][part]) for part in ("one", "other"))
    item = content["rounds"][name]
    own = overlay(section_of(content, "retrain"), item.get("retrain") or {})
    return int(own["steps"]) + steps(content, item["start"])


def _from(folder: Path, root: Path) -> str:
    return Path(os.path.relpath(root, folder)).as_posix()


def _revision(index: Path) -> list[str]:
    """Of git, and the day of its commit; nothing where there is none."""
    try:
        done = subprocess.run(_LOG, cwd=index.parent, capture_output=True, text=True, check=False)
    except OSError:
        return []
    return done.stdout.split() if done.returncode == 0 else []
