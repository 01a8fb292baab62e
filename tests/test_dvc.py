"""dvc.yaml against the code: what a stage imports is what it depends on, and no more is seen."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.parts import ROOMS

ROOT = Path(__file__).parents[1]
STAGES: dict[str, Any] = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
NAMES = sorted({re.sub("_(pretrain|warmup)$", "", name) for name in STAGES})


def body(name: str) -> dict[str, Any]:
    stage: dict[str, Any] = STAGES[name]
    return stage.get("do", stage)


def imported(path: Path) -> set[Path]:
    """The project's modules that a file imports, anywhere in it."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*path.relative_to(ROOT).parent.parts, *filter(None, [base])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.startswith("pipeline."):
                file = ROOT / Path(*name.split(".")).with_suffix(".py")
                found |= {file} if file.exists() else set()
    return found


def closure(path: Path) -> set[str]:
    """All that a file imports, and what that imports; relative to the project."""
    seen: set[Path] = set()
    todo = {path}
    while todo:
        file = todo.pop()
        seen.add(file)
        todo |= imported(file) - seen
    return {file.relative_to(ROOT).as_posix() for file in seen}


def part_dependencies(name: str) -> list[str]:
    return [dep for dep in body(name)["deps"] if re.match(r"pipeline/(\w+)/\$\{", dep)]


def used(name: str) -> set[str]:
    """What a stage's module imports, and any of the parts that it may choose."""
    found = closure(ROOT / "pipeline/stages" / f"{re.sub('_(pretrain|warmup)$', '', name)}.py")
    for dep in part_dependencies(name):
        for part in (ROOT / dep.split("/$")[0]).glob("[!_]*.py"):
            found |= closure(part)
    for dep in body(name)["deps"]:  # a part by its name
        if re.fullmatch(r"pipeline/\w+/\w+\.py", dep) and "/stages/" not in dep:
            found |= closure(ROOT / dep)
    return found


@pytest.mark.parametrize("name", STAGES)
def test_deps_cover_the_imports(name: str) -> None:
    needed = {d for d in used(name) if d.split("/")[1] not in ROOMS}
    deps = body(name)["deps"]
    folders = [dep for dep in deps if (ROOT / dep).is_dir()]
    missing = {n for n in needed if n not in deps and not n.startswith(tuple(folders))}
    assert not missing, f"{name}: add to deps: {', '.join(sorted(missing))}"


@pytest.mark.parametrize("name", STAGES)
def test_no_stage_depends_on_a_whole_room(name: str) -> None:
    for dep in body(name)["deps"]:
        assert dep.rstrip("/") not in {"pipeline", *(f"pipeline/{room}" for room in ROOMS)}


@pytest.mark.parametrize("name", STAGES)
def test_deps_name_nothing_that_is_not_used(name: str) -> None:
    code = {d for d in body(name)["deps"] if re.fullmatch(r"pipeline/(stages/)?\w+\.py", d)}
    assert code <= used(name)


def test_only_evaluation_and_pictures_see_the_targets_truth() -> None:
    seers = {name for name in STAGES if any("truth" in dep for dep in body(name)["deps"])}
    assert seers == {"evaluate", "gallery", "panels"}


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_is_a_module(name: str) -> None:
    assert (ROOT / "pipeline/stages" / f"{name}.py").exists()
    assert f"python -m pipeline.stages.{name}" in body(name)["cmd"]


def test_every_module_of_the_room_is_a_stage() -> None:
    files = {path.stem for path in (ROOT / "pipeline/stages").glob("[!_]*.py")}
    assert files == set(NAMES)


@pytest.mark.parametrize("name", STAGES)
def test_commands_write_what_dvc_tracks(name: str) -> None:
    stage = body(name)
    outs: list[str] = []
    for kind in ("outs", "metrics", "plots"):
        outs += [next(iter(o)) if isinstance(o, dict) else o for o in stage.get(kind, [])]
    for path in outs:
        assert path in stage["cmd"].split(), f"{name} does not name {path}"
