"""Every file has a room, and each room says what lives in it."""

from __future__ import annotations

import ast
import importlib
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTED = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
FILES = [
    name for name in subprocess.check_output(LISTED, cwd=ROOT, text=True).splitlines()
    if (ROOT / name).is_file()
]  # fmt: skip
CODE = [name for name in FILES if name.startswith("pipeline/")]
ROOMS = sorted({name.split("/")[1] for name in CODE if name.count("/") > 1})
LONG = {"pipeline/inference/fused.py", "pipeline/look/static/uplot.js"}  # numba's; another's
LICENCE = "pipeline/look/static/uplot.LICENSE"


def test_no_module_lies_outside_a_room() -> None:
    assert [name for name in CODE if name.count("/") == 1] == ["pipeline/__init__.py"]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_lives_there_what_it_imports_and_who_uses_it(room: str) -> None:
    told = importlib.import_module(f"pipeline.{room}").__doc__ or ""
    assert 2 <= len([line for line in told.splitlines() if line.strip()]) <= 5
    assert "mports" in told


def test_tests_mirror_the_rooms() -> None:
    """But for stages of sections, which their stages' tests try, and what is of no room alone."""
    tested = {
        name.split("/")[1] for name in FILES if name.startswith("tests/") and name.count("/") > 1
    }
    assert set(ROOMS) - tested <= {"sections"}
    assert tested - {*ROOMS} == {"browser", "project"}
    loose = [name for name in FILES if name.startswith("tests/test_")]
    assert loose == []


@pytest.mark.parametrize("name", [name for name in CODE if name not in LONG])
def test_a_file_can_be_read_in_one_go(name: str) -> None:
    if name.endswith((".py", ".js", ".css", ".html")):
        assert len((ROOT / name).read_text().splitlines()) <= 200


BENCHMARKS = [n for n in FILES if n.startswith("benchmarks/") and n[-3:] == ".py"]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_is_no_longer_than_this(name: str) -> None:
    assert len((ROOT / name).read_text().splitlines()) <= 250


def test_what_benchmarks_import_of_the_project_is_there() -> None:
    """They take hours, so that no other test runs them."""
    for name in BENCHMARKS:
        for node in ast.walk(ast.parse((ROOT / name).read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipeline"):
                module = importlib.import_module(str(node.module))
                for each in node.names:
                    if not hasattr(module, each.name):
                        importlib.import_module(f"{node.module}.{each.name}")
