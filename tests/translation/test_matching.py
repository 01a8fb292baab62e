"""Maps between distributions against their definitions."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.optimize import brute

from pipeline.translation import matching
from tests import colours


def spread(seed, scale=1.0):
    made = np.random.default_rng(seed).normal(0, 10, (3, 3))
    return scale * (made @ made.T + 9 * np.eye(3))


def test_transport_takes_one_covariance_to_the_other_by_a_symmetric_positive_map():
    own, other = spread(0), spread(1)
    moved = matching.transport(own, other)
    assert np.allclose(moved @ own @ moved.T, other, rtol=1e-6)
    assert np.allclose(moved, moved.T)
    assert np.linalg.eigvalsh(moved).min() > 0
    half = sqrtm(own).real
    inverse = np.linalg.inv(half)
    assert np.allclose(moved, inverse @ sqrtm(half @ other @ half).real @ inverse)


def test_it_moves_less_than_whitening_and_colouring():
    own, other = spread(0), spread(1)
    points = np.random.default_rng(2).multivariate_normal(np.zeros(3), own, 2000)
    least = matching.transport(own, other)
    coloured = np.linalg.cholesky(other) @ np.linalg.inv(np.linalg.cholesky(own))
    moves = [np.square(points @ (m - np.eye(3)).T).sum(1).mean() for m in (least, coloured)]
    assert np.allclose(coloured @ own @ coloured.T, other)
    assert moves[0] < moves[1]


@pytest.mark.parametrize("own", [np.zeros((3, 3)), np.diag([400.0, 0, 0]), spread(3, 1e-9)])
def test_of_what_is_flat_nothing_is_divided_by_next_to_nothing(own):
    other = spread(1)
    largest = np.sqrt(np.linalg.eigvalsh(other).max())
    assert np.linalg.norm(matching.transport(own, other), 2) <= largest / matching.JUST_SEEN + 1e-6
    assert np.allclose(matching.transport(own, own), np.eye(3))


def test_scales_are_ratios_but_where_next_to_nothing_is_there():
    own, other = np.array([10.0, 0.0, 0.3]), np.array([5.0, 20.0, 0.2])
    assert np.allclose(matching.scales(own, other), [0.5, 20, 1])


@pytest.mark.parametrize("seed", range(4))
def test_levels_of_the_same_rank_against_a_count_of_pixels(seed):
    rng = np.random.default_rng(seed)
    own, other = rng.binomial(60, 0.3, 500), rng.choice([3, 4, 40, 59], 400)
    table = matching.matched(*(np.bincount(x, minlength=64).astype(float) for x in (own, other)))
    assert np.allclose(table[own], colours.of_the_same_rank(own, other))
    assert (np.diff(table) >= 0).all()


def test_an_image_is_its_own_match_and_ties_stay_ties():
    values = np.repeat([3, 9, 10, 50], [100, 1, 400, 20])
    counts = np.bincount(values, minlength=64).astype(float)
    assert np.allclose(matching.matched(counts, counts)[values], values)


def test_a_flat_image_becomes_the_others_median_and_not_its_brightest():
    flat, other = np.zeros(64), np.bincount([1, 2, 3, 60, 63], minlength=64).astype(float)
    flat[7] = 100
    assert matching.matched(flat, other)[7] == 3


@pytest.mark.parametrize("seed", range(5))
def test_gamma_is_the_best_of_all_that_are_tried(seed):
    rng = np.random.default_rng(seed)
    lightness, mean = rng.beta(*rng.uniform(0.5, 5, 2), 3000), rng.uniform(0.05, 0.95)

    def cost(power):
        return (np.mean(lightness ** power[0]) - mean) ** 2 + 0.01 * (power[0] - 1) ** 2

    best = brute(cost, [(0.1, 10)], Ns=4000, finish=None)
    shares = np.full(3000, 1 / 3000)
    assert abs(matching.gamma(shares, lightness, mean) - best) < 0.005


def test_gamma_of_the_same_mean_is_one():
    levels = np.linspace(0, 1, 101)
    assert abs(matching.gamma(np.full(101, 1 / 101), levels, 0.5) - 1) < 1e-3
