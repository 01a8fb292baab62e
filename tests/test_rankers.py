"""Every ranker keeps the contract; each rule against a slow reference."""

import numpy as np
import pandas as pd
import pytest

from pipeline import parts


def coverage(n=6, classes=4, seed=0):
    """One row an image and class, as pseudo_label writes them; some classes are never predicted."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in rng.permutation(n):
        for c in range(classes):
            predicted = int(rng.integers(1, 500)) if c == 0 or rng.random() < 0.6 else 0
            own = (rng.random(), rng.random()) if predicted else (np.nan, np.nan)
            sure, kept = rng.integers(0, predicted + 1, 2).tolist()
            rows.append((f"city/{i:02d}.png", f"class {c}", predicted, sure, kept, *own))
    columns = ["image", "class", "predicted", "sure", "kept", "mean_confidence", "mean_entropy"]
    return pd.DataFrame(rows, columns=columns)


def thresholds(of):
    table = of.groupby("class")[["predicted", "kept"]].sum().reset_index()
    table.insert(1, "lambda", np.linspace(0.5, 1, len(table)))
    table.insert(2, "k", -np.log(table["lambda"]))
    return table


@pytest.fixture(params=parts.names("rankers"))
def ranker(request):
    return parts.build("rankers", request.param, {})


@pytest.mark.parametrize("n", [1, 6, 40])
def test_each_image_has_one_finite_score(ranker, n):
    table = coverage(n)
    scores = ranker.scores(table, thresholds(table))
    assert sorted(scores.index) == sorted(table["image"].unique())
    assert np.isfinite(scores.to_numpy(float)).all()


def test_the_order_of_rows_does_not_matter(ranker):
    table = coverage(9)
    shuffled = table.sample(frac=1, random_state=3)
    one, two = (ranker.scores(t, thresholds(table)).sort_index() for t in (table, shuffled))
    np.testing.assert_allclose(one, two, rtol=1e-12)


def test_tables_are_left_as_they_were(ranker):
    table = coverage()
    given = table.copy(), thresholds(table)
    ranker.scores(*given)
    pd.testing.assert_frame_equal(given[0], table)
    pd.testing.assert_frame_equal(given[1], thresholds(table))


@pytest.mark.parametrize("seed", range(3))
def test_entropy_is_the_mean_over_the_pixels_of_an_image(seed):
    table = coverage(8, seed=seed)
    scores = parts.build("rankers", "entropy", {}).scores(table, thresholds(table))
    for image, rows in table.groupby("image"):
        pixels = [
            row.mean_entropy for row in rows.itertuples() for _ in range(row.predicted)
        ]  # each pixel of a class has its mean
        assert scores[image] == pytest.approx(np.mean(pixels))


def test_entropy_runs_from_sure_to_unsure():
    table = coverage(2, 1)
    table["mean_entropy"] = [0.9, 0.1]
    scores = parts.build("rankers", "entropy", {}).scores(table, thresholds(table))
    assert scores[table["image"][1]] < scores[table["image"][0]]


def test_none_leaves_the_order_of_names():
    table = coverage(7)
    scores = parts.build("rankers", "none", {}).scores(table, thresholds(table))
    assert (scores == 0).all()
    assert list(scores.index) == sorted(table["image"].unique())
