"""What an interrupted run leaves for the next one, in a folder named by all that decides it."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.runtime.files import writable

_PACKAGE = __name__.split(".")[0]
# what computes, with this project's own code
_LIBRARIES = ("numpy", "timm", "torch", "torchvision")


def folder(
    parent: Path,
    inputs: Iterable[Path],
    params: BaseModel,
    *,
    alone: bool = True,
    **exclude: Any,
) -> Path:
    """`parent/<hash of the inputs, the params and the code in use>`, made if new.

    Inputs count by their content, folders by that of their files. What runs of anything else left
    in `parent` is deleted, if this one is `alone`; nothing else in it is. Call it when all parts
    are imported; `exclude` are params that do not change the result, as pydantic's `exclude` takes
    them. Raises BadInput where it cannot be made.
    """
    digest = hashlib.sha256(params.model_dump_json(exclude=exclude).encode())
    digest.update(" ".join(map(version, _LIBRARIES)).encode())
    for path in [*inputs, *_code()]:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            digest.update(f"{file.name} ".encode())
            if file.is_dir():
                continue
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    found = parent / digest.hexdigest()[:16]
    for other in parent.glob("*") if alone else ():
        if other != found and re.fullmatch("[0-9a-f]{16}", other.name):
            shutil.rmtree(other, ignore_errors=True)
    with writable(found):
        found.mkdir(parents=True, exist_ok=True)
    return found


def done(found: Path) -> None:
    """Nothing of a run's `folder` is needed any more."""
    shutil.rmtree(found, ignore_errors=True)
    with suppress(OSError):  # it holds something of somebody else's
        found.parent.rmdir()


def _code() -> list[Path]:
    """The project's files in use, be they imported or run by the name of their module."""
    names = [n for n in sys.modules if n == "__main__" or n.split(".")[0] == _PACKAGE]
    specs = [getattr(sys.modules[name], "__spec__", None) for name in names]
    own = [spec for spec in specs if spec and spec.name.split(".")[0] == _PACKAGE]
    return sorted({Path(spec.origin) for spec in own if spec.origin})
