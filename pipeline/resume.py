"""What an interrupted run leaves for the next one, in a folder named by all that decides it."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel


def folder(parent: Path, inputs: Iterable[Path], params: BaseModel, **exclude: Any) -> Path:
    """`parent/<hash of the inputs, the params and the project's code in use>`, made if new.

    What runs of anything else left in `parent` is deleted. Call it when all parts are imported;
    `exclude` are params that do not change the result, as pydantic's `exclude` takes them.
    """
    digest = hashlib.sha256(params.model_dump_json(exclude=exclude).encode())
    for path in [*inputs, *_code()]:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    found = parent / digest.hexdigest()[:16]
    for other in parent.glob("*"):
        if other != found:
            shutil.rmtree(other, ignore_errors=True)
    found.mkdir(parents=True, exist_ok=True)
    return found


def _code() -> list[Path]:
    names = [n for n in sys.modules if n == "__main__" or n.split(".")[0] == __package__]
    files = {getattr(sys.modules[name], "__file__", None) for name in names}
    return sorted(Path(file) for file in files if file)
