"""Which stages `dvc repro` would run now, and which it would skip or take from its cache."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def pending() -> set[str] | None:
    """DVC's names of what it would run, such as retrain@round-1; None where DVC cannot say.

    A stage that follows one of these counts as one, though the cache may turn out to have it.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc.scm import SCMError

    try:
        with Repo(_wait_for_lock=True) as repo:
            return _of(repo)
    except (DvcException, SCMError):  # no project, no git, or a dvc.yaml that it refuses
        return None


def _of(repo: Any) -> set[str]:
    import networkx as nx

    changed: Mapping[str, Any] = repo.status()
    graph = repo.index.graph
    found: set[str] = set()
    for stage in nx.topological_sort(graph.reverse()):  # what is needed comes first
        name = stage.addressing
        behind = any(need.addressing in found for need in graph[stage])
        if behind or (name in changed and not _cached(repo, stage, changed[name])):
            found.add(name)
    return found


def _cached(repo: Any, stage: Any, changes: Iterable[Any]) -> bool:
    """Whether the cache has what the stage would make."""
    from dvc.dependency.base import DependencyDoesNotExistError

    try:
        stage.save_deps()  # their hashes, in this object alone
    except DependencyDoesNotExistError:
        # after `make clean` nothing is changed, only gone: dvc.lock says what it was made of
        return _gone(changes) and bool(stage.outs_cached())
    kept = repo.stage_cache._load(stage)
    return bool(kept and repo.stage_cache._create_stage(kept, wdir=stage.wdir).outs_cached())


def _gone(changes: Iterable[Any]) -> bool:
    """Whether a stage's files are deleted, and nothing is modified or new."""
    kinds = [
        kind
        for change in changes
        for each in (change.values() if isinstance(change, Mapping) else [{"": change}])
        for kind in each.values()
    ]
    return set(kinds) == {"deleted"}
