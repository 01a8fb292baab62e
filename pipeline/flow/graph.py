"""DVC's own graph, as the flow follows it: stages, what they need, and which have changed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import networkx as nx
from dvc.dependency.param import ParamsDependency
from dvc.repo import Repo
from dvc.utils.cli_parse import to_path_overrides
from dvc.utils.hydra import apply_overrides

PARAMS = "params.yaml"


class Refused(Exception):
    """What was asked for cannot be run; the message says why."""


@dataclass(frozen=True)
class Stage:
    """A stage by DVC's name, such as retrain@round-1; paths are relative to DVC's root."""

    name: str
    needs: tuple[str, ...]
    outs: tuple[str, ...] = ()
    curve: str | None = None  # a CSV with a column `step` that grows while it trains
    table: str | None = None  # a CSV with a row for each model
    steps: int | None = None  # of training, in all

    @property
    def group(self) -> str:
        """`retrain` of retrain@round-1; of a stage without items its name."""
        return self.name.partition("@")[0]

    @property
    def item(self) -> str:
        """`round-1` of retrain@round-1, or nothing."""
        return self.name.partition("@")[2]


def root() -> Path:
    """DVC's folder at or above the current one; DVC's NotDvcRepoError where there is none."""
    return Path(Repo.find_root())


def plan(values: Sequence[str], targets: Sequence[str]) -> dict[str, Stage]:
    """What is to run, with `key=value` written into params.yaml as `dvc exp run -S` does.

    A value may name a round that a target then means. Nothing stays written if either cannot be:
    raises Refused, or DVC's own errors.
    """
    params = root() / PARAMS
    before = params.read_bytes() if values else b""
    try:
        override(values)
        return select(read(), targets)
    except Exception:
        if values:
            params.write_bytes(before)
        raise


def override(values: Sequence[str]) -> None:
    """Write `key=value` into params.yaml.

    Raises Refused for another file, and DVC's own errors for what it cannot set.
    """
    found = to_path_overrides(values)
    if found.keys() - {PARAMS}:
        raise Refused(f"{', '.join(values)}: only what {PARAMS} holds can be set")
    if found:
        apply_overrides(root() / PARAMS, found[PARAMS])


def read() -> dict[str, Stage]:
    """All stages by name, each after what it needs, otherwise in the order of dvc.yaml."""
    with Repo(_wait_for_lock=True) as repo:
        graph = repo.index.graph
        place = {stage: number for number, stage in enumerate(repo.index.stages)}
        order = nx.lexicographical_topological_sort(graph.reverse(), key=place.__getitem__)
        return {stage.addressing: _stage(repo, stage, graph[stage]) for stage in order}


def _stage(repo: Any, stage: Any, needs: Collection[Any]) -> Stage:
    outs = [Path(out.fs_path).relative_to(repo.root_dir).as_posix() for out in stage.outs]
    plots = {
        out.plot.get("x"): path
        for path, out in zip(outs, stage.outs, strict=True)
        if isinstance(out.plot, dict)
    }
    return Stage(
        stage.addressing,
        tuple(sorted(need.addressing for need in needs)),
        tuple(outs),
        plots.get("step"),
        plots.get("model"),
        _steps(stage) if "step" in plots else None,
    )


def _steps(stage: Any) -> int | None:
    """`steps` of the last tracked section that has it: an item comes after what it overlays."""
    found = None
    for params in stage.deps:
        if isinstance(params, ParamsDependency) and params.exists:
            values = params.read_params()
            for section in (values.get(key) for key in params.params):
                if isinstance(section, Mapping):
                    found = section.get("steps", found)
    return found if isinstance(found, int) else None


def changed() -> set[str]:
    """Stages whose own inputs or outputs are not as in dvc.lock; those behind them may follow."""
    with Repo(_wait_for_lock=True) as repo:
        return set(repo.status())


def select(stages: Mapping[str, Stage], targets: Sequence[str]) -> dict[str, Stage]:
    """The targets and all that they need, in order; no targets are all stages.

    A target is a stage (retrain@round-1), a group (retrain) or an item (round-1). Raises Refused,
    with a likely name, for any other.
    """
    if not targets:
        return dict(stages)
    wanted = {name for target in targets for name in _named(stages, target)}
    for stage in reversed([*stages.values()]):
        if stage.name in wanted:
            wanted |= {*stage.needs}
    return {name: stage for name, stage in stages.items() if name in wanted}


def _named(stages: Mapping[str, Stage], target: str) -> set[str]:
    found = {s.name for s in stages.values() if target and target in (s.name, s.group, s.item)}
    if not found:
        known = {word for s in stages.values() for word in (s.name, s.group, s.item) if word}
        near = get_close_matches(target, sorted(known), n=1)
        hint = f"; is it {near[0]!r}?" if near else ""
        raise Refused(f"{target!r} is no stage, group of stages or item of dvc.yaml{hint}")
    return found


def here(folder: Path) -> str:
    """A name for what a server has of this folder alone, and of no other clone: its own and a hash.

    Of the deployment, the work pool and its worker.
    """
    mark = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:6]
    return f"{key(folder.name)}-{mark}"


def key(path: str) -> str:
    """A path as a key of Prefect: a-z, 0-9 and single hyphens."""
    return re.sub("[^a-z0-9]+", "-", path.lower()).strip("-") or "unnamed"
