"""Fresh clones of the project with tiny streets in them, run as a user runs them."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from rows import ROOT, Row
from ruamel.yaml import YAML

FOLDERS = ("data/rounds", "models", "reports", ".dvc/cache", ".prefect", "data/unfinished")


def params(rounds: int) -> Row:
    """The preset streets, as small as it runs, with so many rounds."""
    content: Row = YAML(typ="safe").load(ROOT / "presets" / "streets.yaml")
    size = {"width": 64, "height": 32}
    content["generate"]["game"] |= {"images": 12, **size}
    content["generate"]["city"] |= {"images": 12, "val": 4, **size}
    resize(content, size)
    content["prepare"]["minimum"] = content["source"]["game"]["minimum"] = 4
    # a checkpoint after every step, as a run of days has one after a small part of them
    content["compute"] |= {"threads": 1, "precision": "32-true", "checkpoint_minutes": 0}
    content["network"]["options"] = {"width": 8}
    content["training"] |= {"batch": 4, "log_every": 5}
    content["training"]["augment"] |= {"crop_width": 64, "crop_height": 32}
    for name, steps in (("source", 60), ("source-long", 100)):
        content["pretrain"][name]["steps"] = steps
    for item in content["warmup"].values():
        item.update(steps=5, batch=4)
    content["retrain"]["steps"] = 15
    content["panels"]["width"] = 64
    first = content["rounds"]["round-1"]
    names = ["source-norm", *(f"round-{number + 1}" for number in range(rounds))]
    content["rounds"] = {
        name: {**first, "teacher": teacher, "start": teacher}
        for teacher, name in itertools.pairwise(names)
    }
    return content


def resize(content: Row, size: dict[str, int]) -> None:
    """Of every domain."""
    for domain in (content["prepare"]["target"], content["prepare"]["val"],
                   *content["source"].values()):  # fmt: skip
        domain.update(size)


def clone(folder: Path, rounds: int) -> Path:
    """A fresh clone with these params."""
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    YAML().dump(params(rounds), folder / "params.yaml")
    return folder


def environment(port: int) -> dict[str, str]:
    found = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    path = f"{Path(sys.executable).parent}:{found['PATH']}"
    quiet = {"DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1", "PREFECT_SERVER_API_PORT": str(port)}
    return found | quiet | {"PATH": path, "OMP_NUM_THREADS": "1"}


def sizes(folder: Path) -> dict[str, int]:
    """Bytes below each folder, hard links counted once."""
    found = {}
    for name in FOLDERS:
        seen = {}
        for path in (folder / name).rglob("*"):
            with suppress(FileNotFoundError):
                at = path.lstat()
                seen[at.st_ino] = at.st_size if path.is_file() else 0
        found[name] = sum(seen.values())
    return found


def locked(folder: Path) -> dict[str, str]:
    """Each output's hash by its path."""
    stages = YAML(typ="safe").load(folder / "dvc.lock")["stages"]
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", [])}
