"""The fused pass against slow float64 references, and its edges."""

import threading
import time

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline import confidence
from pipeline.taxonomy import IGNORE

# --- slow references -----------------------------------------------------------------------


def places(length, cells):
    at = np.clip((np.arange(length) + 0.5) * cells / length - 0.5, 0, cells - 1)
    left = np.floor(at).astype(int)
    return left, np.minimum(left + 1, cells - 1), at - left


def upsample(grid, height, width):
    """float64 (C, h, w) -> (C, height, width), bilinear with half-pixel centres."""
    up, down, y = places(height, grid.shape[1])
    left, right, x = places(width, grid.shape[2])
    grid = grid.astype(np.float64)
    rows = grid[:, up] * (1 - y)[:, None] + grid[:, down] * y[:, None]
    return rows[:, :, left] * (1 - x) + rows[:, :, right] * x


def log_softmax(a):
    below = a - a.max(0)
    return below - np.log(np.exp(below).sum(0))


def reference_k(a):
    """-log of the highest probability, exact where it is next to 1."""
    others = np.sort(a - a.max(0), axis=0)[:-1]
    return np.log1p(np.exp(others).sum(0))


def reference_threshold(values, portion):
    """lambda as the paper's code finds it: sort descending, take entry floor(N p) - 1."""
    rank = int(np.floor(len(values) * portion))
    descending_p = np.sort(values)  # k ascends where p descends
    return descending_p[rank - 1] if rank else 0.0


def grids(seed, n, classes, size, scale=4.0):
    """Float16 values, as predictions on disk have them, in float32."""
    rng = np.random.default_rng(seed)
    made = rng.normal(0, scale, (n, classes, *size)).clip(-6e4, 6e4)
    return [g.astype(np.float16).astype(np.float32) for g in made]


def found(images, height, width, pools, portion):
    measured = [confidence.measure(g, height, width) for g in images]
    predicted = np.stack([m[0] for m in measured])
    k = np.stack([m[1] for m in measured])
    thresholds, total = confidence.thresholds(
        images, lambda g: confidence.measure(g, height, width)[:2], pools, portion
    )
    return predicted, k, thresholds, total


def pools_of(kind, classes):
    return np.zeros(classes, np.int64) if kind == "st" else np.arange(classes)


SIZES = [((5, 7), 40, 56), ((5, 7), 37, 53), ((1, 1), 9, 4), ((6, 9), 6, 9), ((8, 8), 3, 5)]

# --- the parts -----------------------------------------------------------------------------


def test_exp_is_within_two_units_in_the_last_place():
    xs = np.linspace(-87, 0, 50_001).astype(np.float32)
    ours = np.array([confidence._exp(x) for x in xs], np.float64)
    exact = np.exp(xs.astype(np.float64))
    assert (np.abs(ours - exact) <= 2 * np.spacing(exact.astype(np.float32))).all()
    assert confidence._exp(np.float32(0)) == 1


@pytest.mark.parametrize("x", [-87.5, -1e3, -1.2e5, -np.inf])
def test_exp_of_less_is_next_to_nothing(x):
    assert 0 < confidence._exp(np.float32(x)) < 2e-38


@pytest.mark.parametrize(("size", "height", "width"), SIZES)
@pytest.mark.parametrize("classes", [2, 19])
def test_measure_equals_the_reference(size, height, width, classes):
    grid = grids(1, 1, classes, size)[0]
    predicted, k, entropy = confidence.measure(grid, height, width)
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
    _, k, _ = confidence.measure(grid, 1, 4)
    np.testing.assert_allclose(k[0], np.exp(-gaps.astype(np.float64)), rtol=1e-6)


def test_the_first_of_equal_classes_is_predicted():
    predicted, k, entropy = confidence.measure(np.ones((7, 2, 3), np.float32), 5, 5)
    assert (predicted == 0).all()
    np.testing.assert_allclose(k, np.log(7), rtol=1e-6)
    np.testing.assert_allclose(entropy, np.log(7), rtol=1e-6)


def test_one_class_is_certain():
    predicted, k, entropy = confidence.measure(np.full((1, 2, 2), -3, np.float32), 4, 4)
    assert (predicted == 0).all()
    assert (k == 0).all()
    assert (entropy == 0).all()


# --- thresholds ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["st", "cbst"])
@pytest.mark.parametrize("portion", [0.001, 0.2, 0.5, 0.99, 1.0])
@pytest.mark.parametrize(("size", "height", "width"), SIZES[:2])
def test_thresholds_are_those_of_sorting_everything(kind, portion, size, height, width):
    images, classes = grids(2, 4, 5, size), 5
    pools = pools_of(kind, classes)
    predicted, k, thresholds, total = found(images, height, width, pools, portion)
    exact = np.stack([reference_k(upsample(g, height, width)) for g in images])
    for c in range(classes):
        pool = pools[predicted] == pools[c]
        assert total[pools[c]] == pool.sum()
        assert thresholds[c] == reference_threshold(k[pool], portion)
        assert thresholds[c] == pytest.approx(reference_threshold(exact[pool], portion), rel=1e-5)
    assert thresholds.dtype == np.float32


@pytest.mark.parametrize("portion", [0.1, 0.3, 0.59])
def test_a_class_that_is_almost_always_sure_still_has_a_sharp_threshold(portion):
    rng = np.random.default_rng(3)
    sure, unsure = rng.uniform(11.2, 30, 6000), rng.uniform(0.1, 11, 4000)  # k < 2^-16 from 11.1 on
    gaps = rng.permutation(np.concatenate([sure, unsure])).reshape(100, 100).astype(np.float32)
    grid = np.stack([np.zeros_like(gaps), -gaps])
    assert (1 - np.exp(-reference_k(grid)) < 2**-16).mean() == pytest.approx(0.6)
    _, k, thresholds, _ = found([grid], 100, 100, np.arange(2), portion)
    assert thresholds[0] == reference_threshold(k.ravel(), portion) < 2**-16
    labels = confidence.weighted_argmax(grid, 100, 100, thresholds)
    assert (labels == 0).sum() == pytest.approx(10_000 * portion, abs=3)  # but for equal scores


def test_all_bits_of_a_score_count():
    k = np.float32(0.1) + np.arange(1000, dtype=np.float32) * np.spacing(np.float32(0.1))
    images = [k.reshape(20, 50)[::-1].copy()]
    for rank in (1, 2, 499, 1000):
        ours, _ = confidence.thresholds(
            images, lambda i: (np.zeros(i.shape, np.uint8), i), np.arange(1), rank / 1000
        )
        assert ours[0] == k[rank - 1]


def test_progress_is_told_of_each_image_twice():
    steps = []
    images = grids(0, 3, 2, (2, 2))
    scores = lambda g: confidence.measure(g, 4, 4)[:2]  # noqa: E731
    confidence.thresholds(images, scores, np.arange(2), 0.5, lambda: steps.append(1))
    assert len(steps) == 6


# --- labels --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["st", "cbst"])
@pytest.mark.parametrize("portion", [0.05, 0.5, 0.9])
@pytest.mark.parametrize(("size", "height", "width"), SIZES[:3])
def test_labels_are_the_weighted_argmax(kind, portion, size, height, width):
    images = grids(4, 2, 6, size)
    _, _, thresholds, _ = found(images, height, width, pools_of(kind, 6), portion)
    for grid in images:
        labels = confidence.weighted_argmax(grid, height, width, thresholds)
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
        assert confidence.weighted_argmax(grid, 1, 1, k)[0, 0] == expected


def test_st_keeps_the_argmax_of_the_surest():
    images = grids(5, 3, 4, (6, 5))
    predicted, k, thresholds, total = found(images, 31, 27, np.zeros(4, np.int64), 0.37)
    labels = np.stack([confidence.weighted_argmax(g, 31, 27, thresholds) for g in images])
    assert np.array_equal(labels, np.where(k <= thresholds[0], predicted, IGNORE))
    kept = (labels != IGNORE).sum()
    assert kept == (k <= np.sort(k, None)[int(total[0] * 0.37) - 1]).sum()
    assert kept - int(total[0] * 0.37) in range(3)  # equal scores are kept together


# --- edges, all together -------------------------------------------------------------------

worlds = st.fixed_dictionaries(
    {
        "classes": st.sampled_from([1, 2, 3, 19, 255]),
        "size": st.tuples(st.integers(1, 4), st.integers(1, 4)),
        "height": st.integers(1, 11),
        "width": st.integers(1, 11),
        "n": st.integers(1, 4),
        "scale": st.sampled_from([0.0, 0.3, 4.0, 40.0, 6e4]),
        "seed": st.integers(0, 1000),
        "kind": st.sampled_from(["st", "cbst"]),
        "portion": st.sampled_from([0.0, 1e-9, 1.0]) | st.floats(0, 1),
    }
)
PLAIN = {"classes": 3, "size": (2, 3), "height": 5, "width": 7, "n": 2, "scale": 4.0, "seed": 0,
         "kind": "cbst", "portion": 0.5}  # fmt: skip


def edge(**changes):
    return example(PLAIN | changes)


@given(worlds)
@edge(portion=0.0)
@edge(portion=1.0)
@edge(portion=0.9 / 70)  # floor(N p) = 0
@edge(classes=255, n=1)  # most are never predicted
@edge(scale=0.0)
@edge(size=(1, 1), height=1, width=1, n=1)
@edge(classes=1)
@edge(scale=6e4, height=11, width=11)
def test_thresholds_and_labels_agree_at_every_edge(world):
    images = grids(world["seed"], world["n"], world["classes"], world["size"], world["scale"])
    pools = pools_of(world["kind"], world["classes"])
    shape, portion = (world["height"], world["width"]), world["portion"]
    predicted, k, thresholds, total = found(images, *shape, pools, portion)
    assert total.sum() == predicted.size
    assert (k >= 0).all()
    assert np.isfinite(k).all()
    for c in range(world["classes"]):
        pool = k[pools[predicted] == pools[c]]
        assert total[pools[c]] == pool.size
        assert thresholds[c] == reference_threshold(pool, portion)
    labels = np.stack([confidence.weighted_argmax(g, *shape, thresholds) for g in images])
    assert ((labels < world["classes"]) | (labels == IGNORE)).all()
    own = thresholds[predicted]
    assert (labels[(k <= own) & (own > 0)] != IGNORE).all()
    assert not np.isin(labels, np.flatnonzero(thresholds == 0)).any()
    if world["kind"] == "st":
        assert np.array_equal(labels, np.where((k <= own) & (own > 0), predicted, IGNORE))


@given(worlds)
def test_measure_stays_sound_whatever_the_size(world):
    grid = grids(world["seed"], 1, world["classes"], world["size"], world["scale"])[0]
    predicted, k, entropy = confidence.measure(grid, world["height"], world["width"])
    a = upsample(grid, world["height"], world["width"])
    slack = 4e-6 * max(1.0, float(np.abs(grid).max()))
    picked = np.take_along_axis(a, predicted[None].astype(int), 0)[0]
    assert (picked >= a.max(0) - slack).all()
    assert (k <= np.log(world["classes"]) + 1e-5 + slack).all()
    assert (k <= entropy + 1e-5).all()
    assert (entropy <= np.log(world["classes"]) * (1 + 1e-5) + 1e-6).all()
    np.testing.assert_allclose(k, reference_k(a), rtol=1e-5 + slack, atol=2e-38 * len(grid))


@pytest.mark.parametrize("classes", [2, 19])
def test_portion_one_keeps_every_pixel_and_zero_none(classes):
    images = grids(6, 2, classes, (3, 4), 8.0)
    for portion, kept in ((1.0, 1), (0.0, 0)):
        _, _, thresholds, _ = found(images, 13, 17, np.arange(classes), portion)
        labels = np.stack([confidence.weighted_argmax(g, 13, 17, thresholds) for g in images])
        assert (labels != IGNORE).mean() == kept


def test_a_class_never_predicted_is_never_a_label():
    grid = grids(7, 1, 3, (4, 4))[0]
    grid[1] = grid.min() - 5
    _, _, thresholds, total = found([grid], 20, 20, np.arange(3), 1.0)
    assert (total[1], thresholds[1]) == (0, confidence.NOTHING)
    assert set(np.unique(confidence.weighted_argmax(grid, 20, 20, thresholds))) == {0, 2}


# --- threads -------------------------------------------------------------------------------


def test_results_come_in_order_whichever_thread_is_first():
    def work(i):
        time.sleep(0.01 * (i % 3 == 0))
        return i * i

    assert list(confidence.on_all_cores(work, range(40))) == [i * i for i in range(40)]
    assert list(confidence.on_all_cores(work, [])) == []


def test_only_a_few_results_are_made_ahead(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    started, lock = [], threading.Lock()

    def work(i):
        with lock:
            started.append(i)
        return i

    for i in confidence.on_all_cores(work, range(50)):
        assert len(started) <= i + 1 + 6


def test_a_failing_image_raises_its_own_error():
    def work(i):
        if i == 5:
            raise ValueError("image 5")
        return i

    with pytest.raises(ValueError, match="image 5"):
        list(confidence.on_all_cores(work, range(20)))
