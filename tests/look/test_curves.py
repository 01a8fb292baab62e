"""Training curves as the page draws them."""

import numpy as np

from pipeline.look import curves


def written(folder, name, text):
    (folder / name).mkdir()
    (folder / name / "training.csv").write_text(text)


def test_a_short_curve_is_as_it_was_written_but_for_the_rate(tmp_path):
    written(tmp_path, "a", "step,lr,source,target\n5,0.1,2.5,nan\n8,0.2,1.23456789,0.5\n")
    assert curves.read(tmp_path, ["a"]) == {
        "a": {"step": [5, 8], "source": [2.5, 1.235], "target": [None, 0.5]}
    }


def test_a_long_curve_is_means_of_neighbours(tmp_path):
    rows = [f"{10 * (n + 1)},0.1,{n}" for n in range(1000)]
    written(tmp_path, "a", "\n".join(["step,lr,source", *rows, ""]))
    found = curves.read(tmp_path, ["a"])["a"]
    assert len(found["step"]) == len(found["source"]) == curves.POINTS
    assert found["step"][-1] == 10_000
    assert np.all(np.diff(found["step"]) > 0)
    runs = np.split(np.arange(1000.0), np.array(found["step"][:-1]) // 10)
    assert np.allclose(found["source"], [run.mean() for run in runs], rtol=1e-3)


def test_what_was_not_trained_has_no_curve(tmp_path):
    written(tmp_path, "none", "")
    assert curves.read(tmp_path, ["none", "mean"]) == {}


def test_a_curve_without_a_row_has_no_points(tmp_path):
    written(tmp_path, "a", "step,lr,source\n")
    assert curves.read(tmp_path, ["a"]) == {"a": {"step": [], "source": []}}
