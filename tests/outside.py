"""Packages that do not install beside ours: a script runs in an environment of its own."""

import os
import subprocess
from pathlib import Path

import pytest

PYTHON = Path(os.environ.get("OUTSIDE", Path(__file__).parents[1] / ".venv/outside/bin/python"))


def run(script, *words):
    """What a script prints there; `make test-outside` makes the environment."""
    if not PYTHON.exists():
        pytest.fail(f"{PYTHON}: no such file; run make test-outside")
    command = [PYTHON, "-c", script, *map(str, words)]
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, env=env, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
