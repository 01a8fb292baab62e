"""Thresholds against sorting everything, and every edge of them."""

import threading
import time

import numpy as np
import pytest
from hypothesis import example, given

from pipeline.domain.taxonomy import IGNORE
from pipeline.inference import confidence, labelling
from pipeline.runtime import threads
from tests.references import (
    SIZES,
    found,
    grids,
    pools_of,
    reference_k,
    reference_threshold,
    upsample,
    worlds,
)


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
    labels = labelling.weighted_argmax(grid, 100, 100, thresholds).labels
    assert (labels == 0).sum() == pytest.approx(10_000 * portion, abs=3)  # but for equal scores


def test_all_bits_of_a_score_count():
    k = np.float32(0.1) + np.arange(1000, dtype=np.float32) * np.spacing(np.float32(0.1))
    images = [k.reshape(20, 50)[::-1].copy()]
    for rank in (1, 2, 499, 1000):
        ours, _ = confidence.thresholds(
            images, lambda i: (np.zeros(i.shape, np.uint8), i, i), np.arange(1), rank / 1000
        )
        assert ours[0] == k[rank - 1]


def test_progress_is_told_of_each_image_twice():
    steps = []
    images = grids(0, 3, 2, (2, 2))
    measure = lambda g: labelling.measure(g, 4, 4)  # noqa: E731
    confidence.thresholds(images, measure, np.arange(2), 0.5, lambda: steps.append(1))
    assert len(steps) == 6


# --- edges, all together -------------------------------------------------------------------

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
    labels = np.stack([labelling.weighted_argmax(g, *shape, thresholds).labels for g in images])
    assert ((labels < world["classes"]) | (labels == IGNORE)).all()
    own = thresholds[predicted]
    assert (labels[k <= own] != IGNORE).all()
    assert not np.isin(labels, np.flatnonzero(thresholds == labelling.NOTHING)).any()
    if world["kind"] == "st":
        assert np.array_equal(labels, np.where(k <= own, predicted, IGNORE))


@pytest.mark.parametrize("classes", [1, 2, 19])
def test_portion_one_keeps_every_pixel_and_zero_none(classes):
    images = grids(6, 2, classes, (3, 4), 8.0)
    for portion, kept in ((1.0, 1), (0.0, 0)):
        _, _, thresholds, _ = found(images, 13, 17, np.arange(classes), portion)
        labels = np.stack([labelling.weighted_argmax(g, 13, 17, thresholds).labels for g in images])
        assert (labels != IGNORE).mean() == kept


def test_a_class_never_predicted_is_never_a_label():
    grid = grids(7, 1, 3, (4, 4))[0]
    grid[1] = grid.min() - 5
    _, _, thresholds, total = found([grid], 20, 20, np.arange(3), 1.0)
    assert (total[1], thresholds[1]) == (0, labelling.NOTHING)
    assert set(np.unique(labelling.weighted_argmax(grid, 20, 20, thresholds).labels)) == {0, 2}


# --- threads -------------------------------------------------------------------------------


def test_results_come_in_order_whichever_thread_is_first():
    def work(i):
        time.sleep(0.01 * (i % 3 == 0))
        return i * i

    assert list(threads.on_all_cores(work, range(40))) == [i * i for i in range(40)]
    assert list(threads.on_all_cores(work, [])) == []


def test_only_a_few_results_are_made_ahead(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    started, lock = [], threading.Lock()

    def work(i):
        with lock:
            started.append(i)
        return i

    for i in threads.on_all_cores(work, range(50)):
        assert len(started) <= i + 1 + 6


def test_a_failing_image_raises_its_own_error():
    def work(i):
        if i == 5:
            raise ValueError("image 5")
        return i

    with pytest.raises(ValueError, match="image 5"):
        list(threads.on_all_cores(work, range(20)))
