"""Every ranker keeps the contract; each rule against a slow reference."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.domain import tables
from pipeline.runtime import parts


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


@pytest.mark.parametrize("rows", [1 << 20, 25, 4])
def test_parts_of_a_file_are_ranked_as_the_whole_of_it(ranker, rows, tmp_path, monkeypatch):
    table, path = coverage(9), tmp_path / "coverage.parquet"
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), path, row_group_size=10)
    monkeypatch.setattr(tables, "ROWS", rows)
    limits = thresholds(table)
    parted = [*tables.by_image(path, [*limits["class"]])]
    assert len(parted) == {1 << 20: 1, 25: 2, 4: 9}[rows]
    pd.testing.assert_frame_equal(pd.concat(parted, ignore_index=True), table)
    whole = ranker.scores(table, limits)
    found = pd.concat([ranker.scores(part, limits) for part in parted])
    assert found.to_dict() == whole.to_dict()  # to the last bit


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


RARE = ("wall", "fence", "pole", "traffic light", "traffic sign", "terrain",
        "rider", "truck", "bus", "train", "motorcycle")  # fmt: skip


def named(table, names):
    return table.assign(**{"class": table["class"].map(lambda c: names[int(c.split()[1])])})


def mean_entropy(rows):
    seen = [row for row in rows.itertuples() if row.predicted]
    return sum(r.predicted * r.mean_entropy for r in seen) / sum(r.predicted for r in seen)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("names", [("road", *RARE), ("road", "car", "sky"), RARE[:2], ["road"]])
def test_the_normaliser_is_that_of_intradas_code(seed, names):
    table = named(coverage(8, len(names), seed), names)
    ranker = parts.build("rankers", "entropy", {"normaliser": True})
    scores = ranker.scores(table, thresholds(table))
    assert list(scores.index) == sorted(table["image"].unique())
    for image, rows in table.groupby("image"):
        held = sum(row[2] in RARE and row.predicted > 0 for row in rows.itertuples())
        expected = mean_entropy(rows) * ((11 - held) / 11 + 0.5)
        assert scores[image] == pytest.approx(expected, rel=1e-12)


def test_the_rare_classes_can_be_named():
    table = coverage(9, 4, 5)
    options = {"normaliser": True, "rare": ["class 1", "class 3"]}
    scores = parts.build("rankers", "entropy", options).scores(table, thresholds(table))
    for image, rows in table.groupby("image"):
        held = rows[rows["class"].isin(options["rare"]) & (rows["predicted"] > 0)]
        expected = mean_entropy(rows) * (1.5 - len(held) / 2)
        assert scores[image] == pytest.approx(expected, rel=1e-12)


def test_rare_classes_are_nothing_without_the_normaliser():
    table = named(coverage(6, 4), RARE)
    plain, named_rare, off = (
        parts.build("rankers", "entropy", options).scores(table, thresholds(table))
        for options in ({}, {"rare": list(RARE)}, {"normaliser": False})
    )
    pd.testing.assert_series_equal(plain, named_rare)
    pd.testing.assert_series_equal(plain, off)


def rows(*each):
    """Coverage of (image, class, predicted, sure, mean entropy)."""
    columns = ["image", "class", "predicted", "sure", "mean_entropy"]
    return pd.DataFrame(each, columns=columns).assign(kept=0, mean_confidence=0.5)


def test_the_normaliser_makes_an_image_with_rare_classes_easier():
    table = rows(
        ("a", "road", 10, 0, 0.50), ("a", "wall", 0, 0, np.nan),
        ("b", "road", 6, 0, 0.50), ("b", "wall", 4, 0, 0.52),
    )  # fmt: skip
    for normaliser, order in ((False, ["a", "b"]), (True, ["b", "a"])):
        ranker = parts.build("rankers", "entropy", {"normaliser": normaliser})
        assert ranker.scores(table, thresholds(table)).sort_values().index.tolist() == order


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("classes", [1, 2, 19])
def test_confidence_is_that_of_tpld(seed, classes):
    table = coverage(7, classes, seed)
    limits = thresholds(table)
    lambdas = dict(zip(limits["class"], limits["lambda"], strict=True))
    scores = parts.build("rankers", "confidence", {}).scores(table, limits)
    assert list(scores.index) == sorted(table["image"].unique())
    for image in scores.index:
        total, number = 0.0, 0
        for row in table[table["image"] == image].to_dict("records"):
            if row["predicted"] > 0:
                total += row["sure"] / row["predicted"] / lambdas[row["class"]]
                number += 1
        assert scores[image] == pytest.approx(-total / number, rel=1e-12)


def test_confidence_orders_a_hand_made_example():
    table = rows(
        ("few", "road", 100, 10, 0.1), ("few", "bus", 0, 0, np.nan),  # 0.1 / 0.8 = 0.125
        ("rare", "road", 100, 10, 0.9), ("rare", "bus", 10, 5, 0.9),  # and 0.5 / 0.4: 0.6875
        ("most", "road", 100, 60, 0.5), ("most", "bus", 0, 0, np.nan),  # 0.75
        ("none", "road", 100, 0, 0.0), ("none", "bus", 1, 0, 0.0),
    )  # fmt: skip
    limits = pd.DataFrame({"class": ["bus", "road"], "lambda": [0.4, 0.8]})  # not in their order
    scores = parts.build("rankers", "confidence", {}).scores(table, limits)
    assert scores.sort_values().index.tolist() == ["most", "rare", "few", "none"]
    np.testing.assert_allclose(scores[["most", "rare", "few", "none"]], [-0.75, -0.6875, -0.125, 0])


@pytest.mark.parametrize("name", ["confidence", "entropy"])
def test_classes_that_an_image_is_not_predicted_to_hold_do_not_count(name):
    table = coverage(6, 4, 1)
    extra = [(image, "unseen", 0, 0, np.nan) for image in table["image"].unique()]
    more = pd.concat([table, rows(*extra)], ignore_index=True)
    ranker = parts.build("rankers", name, {})
    limits = thresholds(table)
    unseen = pd.DataFrame({"class": ["unseen"], "lambda": [1.0], "k": [0.0], "predicted": [0]})
    scores = ranker.scores(more, pd.concat([limits, unseen], ignore_index=True))
    np.testing.assert_allclose(scores, ranker.scores(table, limits), rtol=1e-12)
