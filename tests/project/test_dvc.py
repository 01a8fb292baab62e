"""dvc.yaml against the code: what a stage imports is what it depends on, and no more is seen."""

from __future__ import annotations

import ast
import importlib
import re
from copy import deepcopy
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.runtime import process
from pipeline.runtime.parts import ROOMS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "dvc.yaml").read_text()
STAGES: dict[str, Any] = YAML(typ="safe").load(TEXT)["stages"]
NAMES = sorted({re.sub("_(pretrain|warmup|mean)$", "", name) for name in STAGES})


def body(stage: dict[str, Any]) -> dict[str, Any]:
    return stage.get("do", stage)


@cache
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
            place = ROOT / Path(*name.split("."))
            found |= {file for file in (place.with_suffix(".py"), place / "__init__.py")
                      if file.exists()}  # fmt: skip
    return {file for file in found if file.is_relative_to(ROOT / "pipeline")}


@cache
def closure(path: Path) -> set[str]:
    """All that a file imports, and what that imports; relative to the project."""
    seen: set[Path] = set()
    todo = {path}
    while todo:
        file = todo.pop()
        seen.add(file)
        todo |= imported(file) - seen
    return {file.relative_to(ROOT).as_posix() for file in seen if file.stem != "__init__"}


def used(stage: dict[str, Any]) -> set[str]:
    """What a stage's module imports, and any of the parts that it may choose."""
    found: set[str] = set()
    for dep in stage["deps"]:
        if chosen := re.match(r"(pipeline/\w+)/\$\{", dep):
            paths = [*(ROOT / chosen[1]).glob("[!_]*.py")]
        elif re.match(rf"pipeline/(stages|{'|'.join(ROOMS)})/\w+\.py$", dep):
            paths = [ROOT / dep]
        else:
            continue
        found |= {name for path in paths for name in closure(path)}
    return found


def uncovered(stage: dict[str, Any]) -> set[str]:
    """The files that are used and that no dep holds; parts are chosen, not imported."""
    deps = {dep for dep in stage["deps"] if dep.startswith("pipeline/")}
    needed = {name for name in used(stage) if name.split("/")[1] not in ROOMS}
    return {n for n in needed if not deps & {n, *(p.as_posix() for p in Path(n).parents)}}


def unused(stage: dict[str, Any]) -> set[str]:
    """The deps of code that hold nothing that is used."""
    code = {dep for dep in stage["deps"] if dep.startswith("pipeline/") and "$" not in dep}
    return {dep for dep in code if not any(f"{name}/".startswith(f"{dep}/") for name in used(stage))
            if dep not in used(stage)}  # fmt: skip


@pytest.mark.parametrize("name", STAGES)
def test_deps_cover_the_imports(name: str) -> None:
    missing = uncovered(body(STAGES[name]))
    assert not missing, f"{name}: add to deps: {', '.join(sorted(missing))}"


@pytest.mark.parametrize("name", STAGES)
def test_deps_name_nothing_that_is_not_used(name: str) -> None:
    assert unused(body(STAGES[name])) == set()


@pytest.mark.parametrize("name", STAGES)
def test_a_missing_dep_and_one_too_many_are_found(name: str) -> None:
    stage = deepcopy(body(STAGES[name]))
    shared = [dep for dep in stage["deps"] if re.match(r"pipeline/(?!stages)\w+(/\w+\.py)?$", dep)]
    for dep in shared:
        less = {**stage, "deps": [other for other in stage["deps"] if other != dep]}
        if dep.split("/")[1] not in ROOMS:
            assert {
                f"{found}/".startswith(f"{dep.removesuffix('.py')}") for found in uncovered(less)
            }
            assert uncovered(less), dep
    for dep in ("pipeline/flow", "pipeline/commands/label.py"):
        assert unused({**stage, "deps": [*stage["deps"], dep]}) == {dep}


@pytest.mark.parametrize("name", STAGES)
def test_parts_are_named_by_file(name: str) -> None:
    for dep in body(STAGES[name])["deps"]:
        assert dep.rstrip("/") not in {"pipeline", *(f"pipeline/{room}" for room in ROOMS)}


def test_training_hangs_on_no_score_signal_page_or_sweep() -> None:
    for name in ("pretrain", "warmup", "retrain"):
        for room in ("evaluation", "look", "checks", "inference", "sections", "flow", "commands"):
            assert f"pipeline/{room}" not in body(STAGES[name])["deps"]


def test_only_evaluation_and_pictures_see_the_targets_truth() -> None:
    seers = {name for name, stage in STAGES.items()
             if any("truth" in dep for dep in body(stage)["deps"])}  # fmt: skip
    evaluates = {f"evaluate{of}" for of in ("", "_pretrain", "_warmup", "_mean")}
    assert seers == {*evaluates, "gallery", "panels"}


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_is_a_module(name: str) -> None:
    assert (ROOT / "pipeline/stages" / f"{name}.py").exists()
    assert f"python -m pipeline.stages.{name}" in body(STAGES[name])["cmd"]


def test_every_module_of_the_room_is_a_stage() -> None:
    files = {path.stem for path in (ROOT / "pipeline/stages").glob("[!_]*.py")}
    assert files == set(NAMES)


class Asked(Exception):
    """Ends a stage where it has said what it opens."""


def asked(module: str, monkeypatch: pytest.MonkeyPatch) -> tuple[set[str], set[str]]:
    """The paths that a stage needs by name, and those that it takes if they are named."""
    found: list[set[str]] = []

    def told(*names: str, optional: tuple[str, ...] = (), **_: Any) -> None:
        found.extend(({*names}, {*optional}))
        raise Asked

    monkeypatch.setattr(process, "paths", told)
    with pytest.raises(Asked):
        importlib.import_module(f"pipeline.stages.{module}").main()
    return found[0], found[1]


def flags(stage: dict[str, Any]) -> dict[str, str]:
    """Of a stage's command; what stands behind each, if it is a path."""
    words = stage["cmd"].split()
    found = [(word[2:].replace("-", "_"), after) for word, after in pairwise([*words, "--"])
             if word.startswith("--")]  # fmt: skip
    return {name: "" if after.startswith("--") else after for name, after in found}


def tracked(stage: dict[str, Any]) -> tuple[set[str], set[str]]:
    """What DVC keeps of a stage's outputs, and which data it depends on."""
    outs: set[str] = set()
    for kind in ("outs", "metrics", "plots"):
        outs |= {next(iter(o)) if isinstance(o, dict) else o for o in stage.get(kind, [])}
    return outs, {dep for dep in stage["deps"] if not dep.startswith(("pipeline/", "${"))}


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_opens_what_dvc_tracks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = body(STAGES[name])
    module = next(word for word in stage["cmd"].split() if "." in word).rpartition(".")[2]
    needed, optional = asked(module, monkeypatch)
    given = flags(stage)
    assert given.keys() <= needed | optional
    named, meta = {flag: path for flag, path in given.items() if path}, stage.get("meta", {})
    assert not named.keys() & meta.keys()
    opens = {**meta, **named}
    assert opens.keys() == needed | given.keys()  # no more, and nothing lacks a place
    outs, data = tracked(stage)
    opened = {*opens.values()}
    assert outs <= opened
    assert {path for path in opened - outs - data if "unfinished" not in path} == set()
    assert data - opened <= {"models/${item.teacher}.pt"}  # of correct, which does not open it


def test_no_module_says_where_an_artifact_lies() -> None:
    """But the one of `make look`, which reads no YAML as it needs nothing but Python."""
    places = {path for stage in STAGES.values() for path in body(stage).get("meta", {}).values()}
    assert {"models/best.json", "data/rounds/${key}/labels"} <= places
    said = {
        (path.relative_to(ROOT).as_posix(), node.value)
        for path in (ROOT / "pipeline").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in places
    }
    assert said == {("pipeline/look/open.py", "reports/index.html")}


def test_commands_are_short() -> None:
    for name, stage in STAGES.items():
        shown = body(stage)["cmd"].replace("${key}", "a-name-of-22-characters")
        assert len(shown) <= 90, f"{name}: where its files lie is for its meta"


def test_it_reads_like_a_table_of_contents() -> None:
    lines = TEXT.splitlines()
    assert len(lines) <= 16 * len(STAGES)
    for name in STAGES:
        above = next(lines[i - 1] for i, line in enumerate(lines) if line.startswith(f"  {name}:"))
        assert above.startswith("  # "), f"{name}: say in a line above what it makes"
