"""Figures are the same whatever the environment of their maker says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN = """
import hashlib
import pandas as pd
from pipeline.look import plots
picture = plots.heat(pd.DataFrame({"a": [1.0, 50.0]}, ["x", "y$"]), "$ title")
print(hashlib.sha256(picture.tobytes()).hexdigest())
"""


def drawn(**env):
    own = {**os.environ, "PYTHONPATH": str(ROOT), **env}
    done = subprocess.run([sys.executable, "-c", RUN], env=own, text=True, capture_output=True,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def usual():
    return drawn()


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "TkAgg", ""])
def test_a_notebooks_backend_is_not_asked_for(backend, usual):
    assert drawn(MPLBACKEND=backend) == usual


def test_a_matplotlibrc_changes_nothing(tmp_path, usual):
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfont.size: 20\nsavefig.dpi: 30\n")
    assert drawn(MATPLOTLIBRC=str(tmp_path / "matplotlibrc")) == usual
