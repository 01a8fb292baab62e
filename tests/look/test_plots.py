"""Figures are the same whatever the environment of their maker says."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from pipeline.look import plots

ROOT = Path(__file__).parents[2]
RUN = """
import hashlib
import pandas as pd
from pipeline.look import plots
picture = plots.heat(pd.DataFrame({"a": [1.0, 50.0]}, ["x", "y$"]), "$ title")
print(hashlib.sha256(picture.tobytes()).hexdigest())
"""


def picture(figure):
    """What a figure is drawn with, before it is one: its axes."""
    axes = figure.axes
    plots.plt.close(figure)
    return axes


@pytest.fixture
def axes(monkeypatch):
    """The axes of each figure that is made."""
    made = []
    monkeypatch.setattr(plots, "_picture", lambda figure: made.extend(picture(figure)))
    return made


def test_each_quantity_has_an_axis_of_its_own(axes):
    rounds = pd.DataFrame({"model": ["r1", "r2"], "coverage": [20.0, 25.0], "precision": 90.0})
    plots.labels_by_round(rounds)
    assert [each.get_ylabel() for each in axes] == [
        "Pixels that are labelled (%)", "Labelled pixels that are right (%)"
    ]  # fmt: skip
    assert [len(each.lines) for each in axes] == [1, 1]


def test_what_is_not_known_of_labels_has_no_axis(axes):
    rounds = pd.DataFrame({"model": ["r1"], "coverage": [20.0], "precision": [None]})
    plots.labels_by_round(rounds)
    assert [each.get_title() for each in axes] == ["Coverage of the pseudo-labels"]


def test_baselines_are_named_beside_the_curve(axes):
    rounds = pd.DataFrame({"model": ["r1", "r2"], "miou": [30.0, 35.0]})
    plots.by_round(rounds, "miou", "mIoU (%)", {"source": 20.0, "source-long": 25.0})
    (only,) = axes
    assert (only.get_title(), only.get_ylabel()) == ("mIoU by round", "mIoU (%)")
    legend = only.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["by round", "source", "source-long"]
    assert legend.get_bbox_to_anchor().transformed(only.transAxes.inverted()).x0 > 1


def test_a_class_without_a_value_is_seen(axes):
    plots.heat(pd.DataFrame({"m": [10.0, 90.0, None]}, ["low", "high", "none"]), "IoU (%)")
    colours = {text.get_text(): text.get_color() for text in axes[0].texts}
    assert colours == {"10": "w", "90": "k", "–": "k"}  # on dark, on light, on white


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
