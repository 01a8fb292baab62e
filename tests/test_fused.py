"""The fused pass against slow float64 references."""

import numpy as np
import pytest
from hypothesis import given

from pipeline import fused
from pipeline.taxonomy import IGNORE
from tests.references import (
    SIZES,
    found,
    grids,
    log_softmax,
    pools_of,
    reference_k,
    upsample,
    worlds,
)


def test_exp_is_within_two_units_in_the_last_place():
    xs = np.linspace(-87, 0, 50_001).astype(np.float32)
    ours = np.array([fused.exp(x) for x in xs], np.float64)
    exact = np.exp(xs.astype(np.float64))
    assert (np.abs(ours - exact) <= 2 * np.spacing(exact.astype(np.float32))).all()
    assert fused.exp(np.float32(0)) == 1


def test_log1p_is_within_two_units_in_the_last_place():
    xs = np.concatenate([[0], np.logspace(-38, np.log10(300), 50_000)]).astype(np.float32)
    ours = np.array([fused.log1p(x) for x in xs], np.float64)
    exact = np.log1p(xs.astype(np.float64))
    assert (np.abs(ours - exact) <= 2 * np.spacing(exact.astype(np.float32))).all()


@pytest.mark.parametrize("x", [-87.5, -1e3, -1.2e5, -np.inf])
def test_exp_of_less_is_next_to_nothing(x):
    assert 0 < fused.exp(np.float32(x)) < 2e-38


@pytest.mark.parametrize(("size", "height", "width"), SIZES)
@pytest.mark.parametrize("classes", [2, 19])
def test_measure_equals_the_reference(size, height, width, classes):
    grid = grids(1, 1, classes, size)[0]
    predicted, k, entropy = fused.measure(grid, height, width)
    a = upsample(grid, height, width)
    p = np.exp(log_softmax(a))
    np.testing.assert_allclose(np.take_along_axis(a, predicted[None].astype(int), 0)[0], a.max(0),
                               atol=1e-5)  # fmt: skip
    assert (predicted == a.argmax(0)).mean() > 0.99
    np.testing.assert_allclose(k, reference_k(a), rtol=2e-5)
    np.testing.assert_allclose(entropy, -(p * log_softmax(a)).sum(0), rtol=1e-4, atol=1e-7)
    assert (predicted.dtype, k.dtype, entropy.dtype) == (np.uint8, np.float32, np.float32)


def test_k_is_exact_where_float32_probabilities_are_one():
    gaps = np.array([17.0, 20.0, 40.0, 80.0], np.float32)
    grid = np.stack([np.zeros_like(gaps), -gaps])[:, None]
    _, k, _ = fused.measure(grid, 1, 4)
    np.testing.assert_allclose(k[0], np.exp(-gaps.astype(np.float64)), rtol=1e-6)


def test_the_first_of_equal_classes_is_predicted():
    predicted, k, entropy = fused.measure(np.ones((7, 2, 3), np.float32), 5, 5)
    assert (predicted == 0).all()
    np.testing.assert_allclose(k, np.log(7), rtol=1e-6)
    np.testing.assert_allclose(entropy, np.log(7), rtol=1e-6)


def test_one_class_is_certain():
    predicted, k, entropy = fused.measure(np.full((1, 2, 2), -3, np.float32), 4, 4)
    assert (predicted == 0).all()
    assert (k == 0).all()
    assert (entropy == 0).all()


@given(worlds)
def test_measure_stays_sound_whatever_the_size(world):
    grid = grids(world["seed"], 1, world["classes"], world["size"], world["scale"])[0]
    predicted, k, entropy = fused.measure(grid, world["height"], world["width"])
    a = upsample(grid, world["height"], world["width"])
    slack = 4e-6 * max(1.0, float(np.abs(grid).max()))
    picked = np.take_along_axis(a, predicted[None].astype(int), 0)[0]
    assert (picked >= a.max(0) - slack).all()
    assert (k <= np.log(world["classes"]) + 1e-5 + slack).all()
    assert (k <= entropy + 1e-5).all()
    assert (entropy <= np.log(world["classes"]) * (1 + 1e-5) + 1e-6).all()
    np.testing.assert_allclose(k, reference_k(a), rtol=1e-5 + slack, atol=2e-38 * len(grid))


# --- labels --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["st", "cbst"])
@pytest.mark.parametrize("portion", [0.05, 0.5, 0.9])
@pytest.mark.parametrize(("size", "height", "width"), SIZES[:3])
def test_labels_are_the_weighted_argmax(kind, portion, size, height, width):
    images = grids(4, 2, 6, size)
    _, _, thresholds, _ = found(images, height, width, pools_of(kind, 6), portion)
    for grid in images:
        labels = fused.weighted_argmax(grid, height, width, thresholds).labels
        weights = log_softmax(upsample(grid, height, width)) + thresholds[:, None, None]
        best = np.sort(weights, axis=0)[-2:]
        clear = (np.abs(best[1]) > 1e-5) & (best[1] - best[0] > 1e-5)
        assert clear.mean() > 0.97 or clear.size < 50
        expected = np.where(best[1] >= 0, weights.argmax(0), IGNORE)
        assert (labels == expected)[clear].all()
        assert labels.dtype == np.uint8


def test_a_rare_class_takes_a_pixel_from_a_frequent_one():
    grid = np.log(np.array([0.6, 0.4], np.float32)).reshape(2, 1, 1)
    for rare, expected in ((0.3, 1), (0.5, IGNORE)):
        k = -np.log(np.array([0.9, rare], np.float32))
        assert fused.weighted_argmax(grid, 1, 1, k).labels[0, 0] == expected


def test_st_keeps_the_argmax_of_the_surest():
    images = grids(5, 3, 4, (6, 5))
    predicted, k, thresholds, total = found(images, 31, 27, np.zeros(4, np.int64), 0.37)
    labels = np.stack([fused.weighted_argmax(g, 31, 27, thresholds).labels for g in images])
    assert np.array_equal(labels, np.where(k <= thresholds[0], predicted, IGNORE))
    kept = (labels != IGNORE).sum()
    assert kept == (k <= np.sort(k, None)[int(total[0] * 0.37) - 1]).sum()
    assert kept - int(total[0] * 0.37) in range(3)  # equal scores are kept together
