"""Commands that only read and write params.yaml start in no time: what each imports."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commandline import invoke

ROOT = Path(__file__).parents[2]
LIGHT = {"torch", "torchvision", "lightning_fabric", "numba", "matplotlib", "pandas", "timm"}
RUN = """
import sys
from pipeline.commands import main
sys.argv = ["segue", *sys.argv[1:]]
try:
    main()
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def imported(folder, *words):
    """The packages that a command has imported at its end."""
    command = [sys.executable, "-c", RUN, *map(str, words)]
    done = subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(ROOT)}, text=True,
                          capture_output=True, check=True)  # fmt: skip
    return set(done.stderr.split())


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "params.yaml").write_text((ROOT / "presets/streets.yaml").read_text())
    (tmp_path / "older.yaml").write_text("prepare:\n  source: {}\n  val: {}\nprior: {}\n")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ("--help",), ("check", "--help"), ("preset", "--help"), ("branch", "--help"),
        ("migrate", "--help"), ("migrate", "older.yaml"),
        ("preset", "own-data", "--folder", ROOT / "presets"), ("branch", "round-1", "other"),
    ],
    ids=lambda words: " ".join(map(str, words[:2])),
)  # fmt: skip
def test_it_imports_nothing_heavy(folder, words):
    heavy = LIGHT if words[0] != "check" else LIGHT - {"torch"}
    assert imported(folder, *words) & heavy == set()


def test_check_imports_of_the_heavy_ones_torch_alone(folder):
    assert imported(folder, "check") & LIGHT == {"torch"}


def test_help_says_what_each_command_does():
    told = " ".join(invoke("--help").stdout.split())
    assert "What people run" not in told  # that is for who reads the code
    for name in (path.stem for path in (ROOT / "pipeline/commands").glob("[!_]*.py")):
        assert f" {name} " in told
        module = importlib.import_module(f"pipeline.commands.{name}")
        assert module.__doc__.split(".")[0].split()[0] in told
