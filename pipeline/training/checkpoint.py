"""How far a training has come, in a file that a killed run leaves for the next one."""

from __future__ import annotations

import hashlib
import io
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import nn

from pipeline.runtime import resume
from pipeline.runtime.compute import UNTRACKED
from pipeline.runtime.files import BadInput, replacing, settle
from pipeline.runtime.params import Section

_DIGEST = hashlib.sha256().digest_size


@runtime_checkable
class Stateful(Protocol):
    """A module, an optimiser, a curve: what gives its state and takes it back."""

    def state_dict(self) -> dict[str, Any]: ...  # noqa: D102
    def load_state_dict(self, state: dict[str, Any], /) -> Any: ...  # noqa: D102


class Checkpoint:
    """A file below `parent` for a run of these `inputs`, `params` and code, and of no other.

    It is written each so many `minutes`. Without a `parent` nothing is kept.
    """

    def __init__(
        self,
        parent: Path | None = None,
        inputs: Sequence[Path] = (),
        params: Section | None = None,
        minutes: float = 5.0,
    ) -> None:
        self.parent, self.inputs, self.params = parent, inputs, params or Section()
        self.minutes = minutes
        self._file: Path | None = None
        self._parts: dict[str, Stateful] = {}
        self._saved = time.monotonic()

    def load(self, parts: Mapping[str, object]) -> int:
        """The step to go on from, all of `parts` that are stateful set to what they were then.

        0, and a line that says why, where the file is damaged. Call it when all of the project's
        code that the run needs is imported.
        """
        self._parts = {key: part for key, part in parts.items() if isinstance(part, Stateful)}
        self._saved = time.monotonic()
        if self.parent is None:
            return 0
        folder = resume.folder(self.parent, self.inputs, self.params, compute=UNTRACKED)
        self._file = folder / "training.pt"
        try:
            found = _read(self._file)
        except FileNotFoundError:
            return 0
        except Exception as error:  # a damaged file fails in many ways
            _say(f"{self._file}: {error}; it is left aside, and training starts afresh")
            return 0
        kept = found["parts"]
        if not all(key in kept and _fits(part, kept[key]) for key, part in self._parts.items()):
            _say(f"{self._file}: does not fit; it is left aside, and training starts afresh")
            return 0
        for key, part in self._parts.items():
            part.load_state_dict(kept[key])
        return int(found["step"])

    def due(self) -> bool:
        """Whether it is time to save."""
        return self._file is not None and time.monotonic() - self._saved >= 60 * self.minutes

    def save(self, step: int) -> None:
        """All parts before `step`. Where that fails a line says so, and training goes on."""
        assert self._file is not None
        sink = io.BytesIO()
        parts = {key: part.state_dict() for key, part in self._parts.items()}
        torch.save({"step": step, "parts": parts}, sink)
        try:
            with replacing(self._file) as partial, partial.open("wb") as file:
                file.write(hashlib.sha256(sink.getbuffer()).digest())
                file.write(sink.getbuffer())
            settle(self._file.parent)
        except BadInput as error:
            _say(f"{error}; training goes on without")
        self._saved = time.monotonic()

    def remove(self) -> None:
        """Call it when what was trained is written."""
        if self._file is not None:
            resume.done(self._file.parent)


def _read(path: Path) -> Any:
    content = path.read_bytes()
    if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
        raise ValueError("is damaged")
    return torch.load(io.BytesIO(content[_DIGEST:]), map_location="cpu", weights_only=True)


def _fits(part: Stateful, state: dict[str, Any]) -> bool:
    """Whether a module has tensors of these names and shapes."""
    if not isinstance(part, nn.Module):
        return True
    own = {key: value.shape for key, value in part.state_dict().items()}
    return own == {key: value.shape for key, value in state.items()}


def _say(line: str) -> None:
    print(f"warning: {line}", file=sys.stderr)
