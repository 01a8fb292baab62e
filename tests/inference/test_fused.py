"""The fused pass against slow float64 references."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given

from pipeline.domain.taxonomy import IGNORE
from pipeline.domain.windows import covered
from pipeline.inference import fused, labelling
from tests.references import (
    MORE_SIZES,
    SIZES,
    found,
    grids,
    log_softmax,
    pools_of,
    reference_k,
    reference_votes,
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
    predicted, k, entropy = labelling.measure(grid, height, width)
    a = upsample(grid, height, width)
    p = np.exp(log_softmax(a))
    np.testing.assert_allclose(np.take_along_axis(a, predicted[None].astype(int), 0)[0], a.max(0),
                               atol=1e-5)  # fmt: skip
    assert (predicted == a.argmax(0)).mean() > 0.99
    np.testing.assert_allclose(k, reference_k(a), rtol=2e-5)
    np.testing.assert_allclose(entropy, -(p * log_softmax(a)).sum(0), rtol=1e-4, atol=1e-7)
    assert (predicted.dtype, k.dtype, entropy.dtype) == (np.uint8, np.float32, np.float32)


@pytest.mark.parametrize("first", [(0.0, 0.0), (3.5, 15.0), (-2.0, 40.0)])
def test_cells_lie_where_their_window_says(first):
    height, width, (rows, columns) = 61, 87, (8, 12)
    grid = grids(2, 1, 5, (rows, columns))[0]
    window = covered((rows, columns), (height, width), 8, first)
    down = np.interp(np.arange(height), first[0] + 8 * np.arange(rows), np.arange(rows))
    across = np.interp(np.arange(width), first[1] + 8 * np.arange(columns), np.arange(columns))
    a = bilinear(grid.astype(np.float64), down, across)
    predicted, k, entropy = labelling.measure(grid, height, width, window=window)
    assert (predicted == a.argmax(0)).mean() > 0.999
    np.testing.assert_allclose(k, reference_k(a), rtol=1e-4)
    p = np.exp(log_softmax(a))
    np.testing.assert_allclose(entropy, -(p * log_softmax(a)).sum(0), rtol=1e-3, atol=1e-6)
    thresholds = np.full(5, np.median(k), np.float32)
    for labels in (
        labelling.weighted_argmax(grid, height, width, thresholds, window=window).labels,
        labelling.voted(grid, height, width, thresholds, 0.7, 5, 0, window).labels,
    ):
        kept = labels != IGNORE
        assert (kept == (k <= thresholds[0])).mean() > 0.999
        assert np.array_equal(labels[kept], predicted[kept])
    everywhere = labelling.everywhere(grid, height, width, thresholds, window)
    assert np.array_equal(everywhere, predicted)
    soft = labelling.entropy_regularised(grid, height, width, thresholds, 0.25, window).labels
    assert (soft != IGNORE).sum() >= kept.sum()
    assert np.array_equal(soft[soft != IGNORE], predicted[soft != IGNORE])


def bilinear(grid, down, across):
    """grid (C, h, w) at rows `down` and columns `across`, in cells."""
    rows = np.minimum(down.astype(int), grid.shape[1] - 2)
    columns = np.minimum(across.astype(int), grid.shape[2] - 2)
    y, x = (down - rows)[:, None], across - columns
    corner = lambda i, j: grid[:, rows + i][:, :, columns + j]  # noqa: E731
    upper = (1 - x) * corner(0, 0) + x * corner(0, 1)
    return (1 - y) * upper + y * ((1 - x) * corner(1, 0) + x * corner(1, 1))


def test_k_is_exact_where_float32_probabilities_are_one():
    gaps = np.array([17.0, 20.0, 40.0, 80.0], np.float32)
    grid = np.stack([np.zeros_like(gaps), -gaps])[:, None]
    _, k, _ = labelling.measure(grid, 1, 4)
    np.testing.assert_allclose(k[0], np.exp(-gaps.astype(np.float64)), rtol=1e-6)


def test_the_first_of_equal_classes_is_predicted():
    predicted, k, entropy = labelling.measure(np.ones((7, 2, 3), np.float32), 5, 5)
    assert (predicted == 0).all()
    np.testing.assert_allclose(k, np.log(7), rtol=1e-6)
    np.testing.assert_allclose(entropy, np.log(7), rtol=1e-6)


def test_one_class_is_certain():
    predicted, k, entropy = labelling.measure(np.full((1, 2, 2), -3, np.float32), 4, 4)
    assert (predicted == 0).all()
    assert (k == 0).all()
    assert (entropy == 0).all()


@given(worlds)
def test_measure_stays_sound_whatever_the_size(world):
    grid = grids(world["seed"], 1, world["classes"], world["size"], world["scale"])[0]
    predicted, k, entropy = labelling.measure(grid, world["height"], world["width"])
    a = upsample(grid, world["height"], world["width"])
    slack = 4e-6 * max(1.0, float(np.abs(grid).max()))
    picked = np.take_along_axis(a, predicted[None].astype(int), 0)[0]
    assert (picked >= a.max(0) - slack).all()
    assert (k <= np.log(world["classes"]) + 1e-5 + slack).all()
    assert (k <= entropy + 1e-5).all()
    assert (entropy <= np.log(world["classes"]) * (1 + 1e-5) + 1e-6).all()
    np.testing.assert_allclose(k, reference_k(a), rtol=1e-5 + slack, atol=2e-38 * len(grid))


# --- with a prior --------------------------------------------------------------------------


def priors(seed, grid):
    """Logarithms of a prior on the logits' grid, from a floor to nearly 1."""
    rng = np.random.default_rng(seed)
    return np.log(rng.uniform(1e-4, 1, grid.shape) ** 2).astype(np.float32)


@pytest.mark.parametrize(("size", "height", "width"), MORE_SIZES)
@pytest.mark.parametrize("classes", [2, 19])
@pytest.mark.parametrize("scale", [0.0, 4.0, 40.0])
def test_measure_with_a_prior_is_of_q_times_p(size, height, width, classes, scale):
    grid = grids(6, 1, classes, size, scale)[0]
    log_q = priors(7, grid)
    predicted, k, entropy = labelling.measure(grid, height, width, grid + log_q)
    log_p = log_softmax(upsample(grid, height, width))
    log_qp = upsample(log_q, height, width) + log_p
    assert (predicted == log_qp.argmax(0)).mean() > 0.99 or predicted.size < 50
    picked = np.take_along_axis(log_qp, predicted[None].astype(int), 0)[0]
    np.testing.assert_allclose(picked, log_qp.max(0), atol=3e-5)
    np.testing.assert_allclose(k, -log_qp.max(0), rtol=2e-5, atol=3e-5)
    np.testing.assert_allclose(entropy, -(np.exp(log_p) * log_p).sum(0), rtol=1e-4, atol=1e-7)
    assert (predicted.dtype, k.dtype, entropy.dtype) == (np.uint8, np.float32, np.float32)
    plain = labelling.measure(grid, height, width)
    assert np.array_equal(entropy, plain[2])  # of p, whatever the prior
    assert (k >= plain[1] - 1e-5).all()


def test_a_prior_of_one_changes_nothing():
    grid = grids(8, 1, 5, (4, 9))[0]
    for plain, with_prior in zip(
        labelling.measure(grid, 7, 300), labelling.measure(grid, 7, 300, grid.copy()), strict=True
    ):
        assert np.array_equal(plain, with_prior)


def test_steps_as_far_as_float16_goes_have_sound_scores_under_a_prior():
    winners = np.random.default_rng(9).integers(0, 4, (1, 3, 5))
    grid = np.full((4, 3, 5), -6e4, np.float32)
    np.put_along_axis(grid, winners, 6e4, 0)
    scored = grid + priors(10, grid)
    predicted, k, _ = labelling.measure(grid, 23, 31, scored)
    a, b = upsample(grid, 23, 31), upsample(scored, 23, 31)
    slack = 4 * np.spacing(np.float32(6e4))
    picked = np.take_along_axis(b, predicted[None].astype(int), 0)[0]
    assert (picked >= b.max(0) - slack).all()
    exact = reference_k(a) + a.max(0) - b.max(0)
    np.testing.assert_allclose(k, np.maximum(exact, 0), atol=slack)
    assert (k >= 0).all()


@pytest.mark.parametrize("kind", ["random", "nothing", "some"])
@pytest.mark.parametrize(("size", "height", "width"), MORE_SIZES)
def test_labels_with_a_prior_are_the_weighted_argmax_of_q_times_p(kind, size, height, width):
    grid = grids(11, 1, 6, size)[0]
    log_q = priors(12, grid)
    thresholds = np.random.default_rng(13).uniform(0, 4, 6).astype(np.float32)
    thresholds[{"random": [], "nothing": slice(None), "some": [0, 3]}[kind]] = labelling.NOTHING
    made = labelling.weighted_argmax(grid, height, width, thresholds, grid + log_q)
    log_qp = upsample(log_q, height, width) + log_softmax(upsample(grid, height, width))
    weights = log_qp + thresholds[:, None, None]
    best = np.sort(weights, axis=0)[-2:]
    with np.errstate(invalid="ignore"):
        clear = (np.abs(best[1]) > 1e-4) & ~(best[1] - best[0] < 1e-4)
    expected = np.where(best[1] >= 0, weights.argmax(0), IGNORE)
    assert clear.mean() > 0.97 or clear.size < 50
    assert (made.labels == expected)[clear].all()
    own = log_qp.argmax(0)
    sure = np.bincount(own[-log_qp.max(0) <= thresholds[own]], minlength=6)
    assert np.abs(made.sure - sure).max() <= (~clear).sum()


# --- labels --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["st", "cbst"])
@pytest.mark.parametrize("portion", [0.05, 0.5, 0.9])
@pytest.mark.parametrize(("size", "height", "width"), SIZES[:3])
def test_labels_are_the_weighted_argmax(kind, portion, size, height, width):
    images = grids(4, 2, 6, size)
    _, _, thresholds, _ = found(images, height, width, pools_of(kind, 6), portion)
    for grid in images:
        labels = labelling.weighted_argmax(grid, height, width, thresholds).labels
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
        assert labelling.weighted_argmax(grid, 1, 1, k).labels[0, 0] == expected


def test_st_keeps_the_argmax_of_the_surest():
    images = grids(5, 3, 4, (6, 5))
    predicted, k, thresholds, total = found(images, 31, 27, np.zeros(4, np.int64), 0.37)
    labels = np.stack([labelling.weighted_argmax(g, 31, 27, thresholds).labels for g in images])
    assert np.array_equal(labels, np.where(k <= thresholds[0], predicted, IGNORE))
    kept = (labels != IGNORE).sum()
    assert kept == (k <= np.sort(k, None)[int(total[0] * 0.37) - 1]).sum()
    assert kept - int(total[0] * 0.37) in range(3)  # equal scores are kept together


# --- LRENT: where one class is all but certain ---------------------------------------------


def sure_of_one(gap, seed=20):
    grid = np.random.default_rng(seed).normal(0, 1, (4, 5, 6)).astype(np.float32)
    grid[1] += np.float32(gap)
    _, k, _ = labelling.measure(grid, 21, 26)
    thresholds = np.full(4, labelling.NOTHING)
    thresholds[1] = np.sort(k, axis=None)[200]
    return grid, k, thresholds


@pytest.mark.parametrize("gap", [5, 15, 30])
def test_lrent_keeps_all_that_cbst_keeps(gap):
    # one p_c / lambda_c >= 1 makes the sum of all exceed 1, by however little
    grid, k, thresholds = sure_of_one(gap)
    kept = labelling.weighted_argmax(grid, 21, 26, thresholds).labels != IGNORE
    assert np.array_equal(kept, k <= thresholds[1])
    labels = labelling.entropy_regularised(grid, 21, 26, thresholds, 0.25).labels
    assert (labels[kept & (k < thresholds[1] * 0.99)] == 1).all()


# --- voting --------------------------------------------------------------------------------


def unsure(seed, classes, size, spread=1.0):
    """A grid, log-probabilities of its pixels, and thresholds that keep some of them."""
    rng = np.random.default_rng(seed)
    grid = rng.normal(0, spread, (classes, *size)).astype(np.float32)
    k = rng.uniform(0.2, 0.6 * np.log(classes), classes).astype(np.float32)
    return grid, k


VOTES = [
    (1, 1, 0.7, 1),
    (6, 9, 0.7, 3),
    (6, 9, 0.3, 5),
    (9, 5, 0.0, 3),
    (9, 5, 1.0, 3),
    (7, 8, 0.5, 57),
    (1, 14, 0.6, 3),
    (14, 1, 0.6, 7),
]


@pytest.mark.parametrize(("height", "width", "own", "window"), VOTES)
@pytest.mark.parametrize("classes", [2, 5, 19])
@pytest.mark.parametrize("nothing", [False, True])
def test_votes_are_those_of_a_loop_over_pixels(height, width, own, window, classes, nothing):
    grid, k = unsure(30, classes, (4, 5))
    if nothing:
        k[::2] = labelling.NOTHING
    log_p = log_softmax(upsample(grid, height, width))
    expected, closest = reference_votes(log_p, k, own, window, 3)
    assert closest > 1e-6  # nothing that float32 could decide the other way
    for repeats, labels in enumerate(expected):
        made = labelling.voted(grid, height, width, k, own, window, repeats)
        assert np.array_equal(made.labels, labels)
        assert made.labels.dtype == np.uint8
        assert np.array_equal(made.sure, labelling.weighted_argmax(grid, height, width, k).sure)


def test_the_loop_over_pixels_votes_at_all():
    changes = set()
    for height, width, own, window in VOTES:
        grid, k = unsure(30, 5, (4, 5))
        log_p = log_softmax(upsample(grid, height, width))
        expected, _ = reference_votes(log_p, k, own, window, 3)
        changes |= {(own, r) for r in range(3) if (expected[r] != expected[r + 1]).any()}
    assert {(0.3, 0), (0.3, 1), (0.5, 0), (0.7, 0)} <= changes
    assert not {change for change in changes if change[0] == 1}  # nobody is asked


def line(*chances):
    """Logits of pixels in a row whose class 0 has these probabilities, of two."""
    p = np.array(chances)
    return np.log(np.stack([p, 1 - p])).astype(np.float32)[:, None]


def votes(grid, lambdas, *voting):
    k = -np.log(np.array(lambdas)).astype(np.float32)
    return labelling.voted(grid, *grid.shape[1:], k, *voting).labels[0].tolist()


def test_a_vote_reaches_half_a_window_and_the_next_as_far_again():
    # 0.5 * 0.6 + 0.5 * 1 and then 0.5 * 0.6 + 0.5 * 0.8: each passes lambda 0.7
    row = line(0.9999999, *[0.6] * 5)
    for repeats, expected in enumerate(([0, 255, 255], [0, 0, 255], [0, 0, 0])):
        assert votes(row, (0.69, 0.9), 0.5, 3, repeats)[:3] == expected
    assert votes(row, (0.69, 0.9), 0.5, 5, 1) == [0, 0, 0, 255, 255, 255]
    assert votes(row, (0.69, 0.9), 0.5, 99, 1) == [0] * 6


def test_the_pool_is_the_mean_of_neighbours_of_the_class_not_of_the_window():
    row = line(0.9, 0.5, 0.05, 0.05)  # own 0.25, pool 0.45: 0.7 of class 0; 0.725 of class 1
    assert votes(row, (0.69, 0.99), 0.5, 9, 1)[:2] == [0, 0]
    assert votes(row, (0.71, 0.73), 0.5, 9, 1)[:2] == [0, 255]
    assert votes(row, (0.71, 0.72), 0.5, 9, 1)[:2] == [0, 1]
    assert votes(row, (0.69, 0.72), 0.5, 9, 1)[:2] == [0, 0]  # 0.7 / 0.69 > 0.725 / 0.72


@pytest.mark.parametrize(("last", "expected"), [(0.5, IGNORE), (0.32, 2)])
def test_only_the_two_heaviest_classes_are_candidates(last, expected):
    # the neighbour gives class 2 a score of 0.73; 0.15 / lambda is the third of three, or second
    row = np.log([[0.45, 0.01], [0.4, 0.01], [0.15, 0.98]]).astype(np.float32)[:, None]
    assert votes(row, (0.9, 0.9, last), 0.3, 3, 1) == [expected, 2]


def test_a_class_of_which_nothing_is_sure_is_not_voted_for():
    row = line(0.9, 0.5, 0.5)
    k = np.array([-np.log(0.8), labelling.NOTHING], np.float32)
    assert labelling.voted(row, 1, 3, k, 0.0, 3, 2).labels.tolist() == [[0, 0, 0]]
    k[:] = labelling.NOTHING
    assert (labelling.voted(row, 1, 3, k, 0.0, 3, 2).labels == IGNORE).all()


@given(worlds)
def test_votes_stay_sound_whatever_the_size(world):
    grid = grids(world["seed"], 1, world["classes"], world["size"], world["scale"])[0]
    shape = world["height"], world["width"]
    rng = np.random.default_rng(world["seed"])
    k = rng.uniform(0, np.log(world["classes"]), world["classes"]).astype(np.float32)
    k[rng.random(len(k)) < 0.3] = labelling.NOTHING
    before = grid.copy(), k.copy()
    own, window = rng.random(), int(rng.choice([1, 3, 7, 57]))
    each = [labelling.voted(grid, *shape, k, own, window, repeats) for repeats in range(4)]
    again = labelling.voted(grid, *shape, k, own, window, 3)
    assert np.array_equal(again.labels, each[3].labels)
    for one, two in pairwise(each):
        stays = one.labels != IGNORE
        assert np.array_equal(one.labels[stays], two.labels[stays])
        assert np.array_equal(one.sure, two.sure)
    given_classes = set(np.flatnonzero(k >= 0))
    assert set(np.unique(each[3].labels)) - {IGNORE} <= given_classes
    assert np.array_equal(grid, before[0])
    assert np.array_equal(k, before[1])


@pytest.mark.parametrize("gap", [0, 5, 15, 30])
def test_without_a_vote_labels_are_those_of_cbst(gap):
    grid, k, thresholds = sure_of_one(gap)
    plain = labelling.weighted_argmax(grid, 21, 26, thresholds)
    made = labelling.voted(grid, 21, 26, thresholds, 0.7, 5, 0)
    clear = np.abs(k - thresholds[1]) > 1e-3 * thresholds[1]  # of each other's rounding
    assert (plain.labels != IGNORE).any()
    assert np.array_equal(made.labels[clear], plain.labels[clear])
    assert np.array_equal(made.sure, plain.sure)


# --- labels of every pixel -----------------------------------------------------------------


@pytest.mark.parametrize(("size", "height", "width"), MORE_SIZES)
@pytest.mark.parametrize("classes", [2, 19])
@pytest.mark.parametrize("nothing", [0, 1, 2])
def test_everywhere_is_the_weighted_argmax_of_every_pixel(size, height, width, classes, nothing):
    grid = grids(40, 1, classes, size)[0]
    k = np.random.default_rng(41).uniform(0, 2, classes).astype(np.float32)
    if nothing:
        k[:: 3 - nothing] = labelling.NOTHING  # every other one, or all
    weights = log_softmax(upsample(grid, height, width)) + np.maximum(k, 0)[:, None, None]
    best = np.sort(weights, axis=0)[-2:]
    clear = best[1] - best[0] > 1e-5
    labels = labelling.everywhere(grid, height, width, k)
    assert (labels.shape, labels.dtype) == ((height, width), np.uint8)
    assert (labels < classes).all()
    assert clear.mean() > 0.97 or clear.size < 50
    assert (labels == weights.argmax(0))[clear].all()
    kept = labelling.weighted_argmax(grid, height, width, k).labels
    agree = (kept == IGNORE) | (kept == labels) | ~clear
    assert agree.all()
