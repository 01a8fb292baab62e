"""What a run is called and tagged by: what was asked for, of which preset and revision."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.flow.graph import PARAMS

_PRESETS = "presets"
_LONGEST = 100  # characters of a name
_ALIKE = 0.5  # of all values that either has, those that both must have: else it is none of them


def run_name() -> str:
    """Of the run that begins, as Prefect asks for it."""
    given = flow_run.parameters
    return named(given.get("targets", ()), given.get("overrides", ()))


def named(targets: Sequence[str], overrides: Sequence[str]) -> str:
    """Such as `round-2 portion=0.3`: the targets, and of what was set the item and its last key."""
    words = [*targets]
    for override in overrides:
        key, _, value = override.partition("=")
        keys = key.rpartition(":")[2].split(".")
        words += [item for item in keys[1:-1][:1] if item not in words]
        words.append(f"{'.'.join(keys if len(keys) == 2 else keys[-1:])}={value}")  # noqa: PLR2004
    name = " ".join(" ".join(words).split()) or "everything"
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def tag(folder: Path) -> None:
    """Give the current run the tags of its folder, beside those that it has."""
    run = UUID(str(flow_run.id))
    tags = dict.fromkeys([*flow_run.tags, *_preset(folder), *_revision(folder)])
    with get_client(sync_client=True) as client:
        client.update_flow_run(run, tags=[*tags])


def _preset(folder: Path) -> Iterator[str]:
    """The preset that params.yaml is, or is most like."""
    own = {*_values(YAML(typ="safe").load(folder / PARAMS))}
    alike = {}
    for path in sorted((folder / _PRESETS).glob("*.yaml")):
        with suppress(OSError, ValueError, YAMLError):  # one that is none stops no run
            its = {*_values(YAML(typ="safe").load(path))}
            alike[path.stem] = len(own & its) / max(1, len(own | its))
    best = max(alike, key=alike.__getitem__, default="")
    if best and alike[best] >= _ALIKE:
        yield f"preset: {best}" if alike[best] == 1 else f"preset: {best}, edited"


def _values(content: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Each value that is no mapping, with the keys that lead to it."""
    if not isinstance(content, Mapping) or not content:
        yield where, repr(content)
        return
    for key, value in content.items():
        yield from _values(value, f"{where}.{key}")


def _revision(folder: Path) -> Iterator[str]:
    """Of git, which says whether files have changed since; nothing where there is none."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError:
        return
    if done.returncode == 0:
        yield f"revision: {done.stdout.strip()}"
