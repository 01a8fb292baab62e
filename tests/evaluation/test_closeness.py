"""KID against its definition, pair by pair; its subsets; the reference rows; colours."""

import numpy as np
import pytest

from pipeline.evaluation import closeness
from pipeline.evaluation.closeness import Seen


def features(seed, n=30, shift=0.0, d=6):
    return np.random.default_rng(seed).normal(shift, 1, (n, d))


def slow_mmd(x, y):
    def k(a, b):
        return (np.dot(a, b) / len(a) + 1) ** 3

    own = [k(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j]
    its = [k(y[i], y[j]) for i in range(len(y)) for j in range(len(y)) if i != j]
    both = [k(a, b) for a in x for b in y]
    return np.mean(own) + np.mean(its) - 2 * np.mean(both)


def quick_mmd(x, y):
    return closeness.mmd(closeness.kernel(x, x), closeness.kernel(x, y), closeness.kernel(y, y))


def test_mmd_against_its_definition():
    for n, m in ((5, 9), (12, 4)):
        x, y = features(0, n), features(1, m, 0.5)
        assert np.isclose(quick_mmd(x, y), slow_mmd(x, y))


def test_it_is_without_bias():
    """Of two halves of one distribution the mean is 0, and often less than 0 is found."""
    found = [quick_mmd(features(2 * s, 20), features(2 * s + 1, 20)) for s in range(400)]
    assert abs(np.mean(found)) < 4 * np.std(found) / 20
    assert 0.2 < np.mean(np.array(found) < 0) < 0.8


def test_kid_is_the_mean_over_halves_and_its_interval_is_theirs():
    x, y = features(0, 21), features(1, 30, 0.4)
    found = closeness.kid(x, y, 40, 5)
    expected = []
    for subset in range(40):
        rng = np.random.default_rng((5, subset))
        own, its = (rng.permutation(n)[:10] for n in (21, 30))
        expected.append(slow_mmd(x[own], y[its]))
    assert np.allclose(found, [np.mean(expected), *np.percentile(expected, (2.5, 97.5))])


def test_the_same_seed_gives_the_same_whatever_the_global_state_is():
    x, y = features(0), features(1, shift=0.3)
    np.random.seed(0)
    first = closeness.kid(x, y, 50, 1)
    np.random.seed(99)
    assert closeness.kid(x, y, 50, 1) == first
    assert closeness.kid(x, y, 50, 2) != first
    assert closeness.kid_within(y, 10, 50, 1) == closeness.kid_within(y, 10, 50, 1)


def test_subsets_differ():
    """Public code takes all images again and again where there are less than a thousand."""
    drawn = []
    closeness.over(lambda rng: drawn.append(tuple(rng.permutation(30)[:15])) or 0.0, 100, 0)
    assert len({frozenset(each) for each in drawn}) == 100
    found = closeness.kid(features(0), features(1, shift=0.3), 100, 0)
    assert found.low < found.value < found.high


def test_the_target_against_itself_shares_no_image_and_is_about_nothing():
    y = features(1, 40)
    found = closeness.kid_within(y, 20, 200, 0)
    assert found.low < 0 < found.high
    assert abs(found.value) < abs(closeness.kid(features(0, 40, 0.5), y, 200, 0).value) / 5
    twice = np.concatenate([y[:20], y[:20]])  # parts that shared images would be nearer than 0
    assert closeness.kid_within(y, 20, 50, 0).value > closeness.mmd(
        *[closeness.kernel(twice, twice)] * 3
    )


def test_no_dimension_counts_for_its_scale():
    x, y = features(0, shift=0.5), features(1)
    scale = np.array([1e-3, 1, 10, 1e4, 5, 0.2])
    found = []
    for factor in (1, scale):
        own, its = (closeness.standardised(f * factor, y * factor) for f in (x, y))
        found.append(closeness.kid(own[:, 1:2], its[:, 1:2], 20, 0).value)
        assert np.allclose(its.mean(0), 0)
    assert np.isfinite(found).all()
    assert np.allclose(closeness.standardised(y, y).std(0), 1)


def test_a_dimension_that_never_varies_in_the_target_leaves_numbers():
    x, y = features(0), features(1)
    y[:, 2] = 3
    found = closeness.standardised(x, y)
    assert np.abs(found).max() < 100
    assert (closeness.standardised(y, y)[:, 2] == 0).all()
    assert np.isfinite(closeness.standardised(np.zeros((3, 2)), np.zeros((3, 2)))).all()


def seen(seed, n, shift):
    return Seen(
        features(seed, n, shift), features(seed + 50, n, shift, 9), features(seed, n, shift)
    )


def test_rows_of_the_table():
    target = seen(0, 24, 0)
    sets = {"translated": seen(1, 20, 0.3), "source": seen(2, 20, 2.0)}
    table = closeness.table(sets, target, 60, 3).set_index("images")
    assert [*table.index] == ["translated", "source", "target"]
    for level in ("first", "last"):
        values = table[f"kid_{level}"]
        assert values["target"] < values["translated"] < values["source"]
        own = closeness.standardised(getattr(sets["source"], level), getattr(target, level))
        its = closeness.standardised(getattr(target, level), getattr(target, level))
        expected = closeness.kid(own, its, 60, 3)
        assert table.loc["source", [f"kid_{level}", f"{level}_low", f"{level}_high"]].tolist() == [
            *expected
        ]
    distance = np.linalg.norm(sets["source"].colours.mean(0) - target.colours.mean(0))
    assert np.isclose(table["colours"]["source"], distance)
    assert table["colours"]["target"] < table["colours"]["source"]


@pytest.mark.parametrize("n", [4, 5])
def test_the_fewest_images_suffice(n):
    assert n >= closeness.FEWEST
    table = closeness.table({"source": seen(0, n, 1)}, seen(1, n, 0), 10, 0)
    assert np.isfinite(table.drop(columns="images").to_numpy(float)).all()
