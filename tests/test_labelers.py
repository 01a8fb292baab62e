"""Every labeler keeps the contract; ST and CBST against slow references."""

import numpy as np
import pytest

from pipeline import confidence, fused, parts
from pipeline.taxonomy import IGNORE

CLASSES, SIZE = 5, (30, 44)
PRIOR = np.full((CLASSES, 4, 5), 1 / CLASSES, np.float32)  # for labelers that ask for one


def build(name, portion, classes=CLASSES):
    return parts.build("labelers", name, {}, classes=classes, portion=portion, prior=PRIOR)


def log_p(grid, height=SIZE[0], width=SIZE[1]):
    """float64 log-probabilities at full size, upsampled by a tent of half-pixel centres."""

    def weights(length, cells):
        at = np.clip((np.arange(length) + 0.5) * cells / length - 0.5, 0, cells - 1)
        return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(cells)))

    rows, columns = weights(height, grid.shape[1]), weights(width, grid.shape[2])
    a = np.einsum("yh,chw,xw->cyx", rows, grid.astype(np.float64), columns)
    return a - a.max(0) - np.log(np.exp(a - a.max(0)).sum(0))


def random_grids(seed):
    return np.random.default_rng(seed).normal(0, 3, (3, CLASSES, 6, 7))


def one_class_everywhere(seed):
    made = random_grids(seed)
    made[:, 2] += 30
    return made


def constant(seed):
    return np.zeros((3, CLASSES, 6, 7))


def steps(seed):
    """Neighbouring cells that are sure of different classes, as far as float16 goes."""
    made = np.full((3, CLASSES, 6, 7), -6e4)
    winners = np.random.default_rng(seed).integers(0, CLASSES, (3, 1, 6, 7))
    np.put_along_axis(made, winners, 0, 1)
    return made


WORLDS = (random_grids, one_class_everywhere, constant, steps)


@pytest.fixture(params=WORLDS, ids=lambda world: world.__name__)
def grids(request):
    return request.param(0).astype(np.float16).astype(np.float32)


def thresholds(labeler, grids, portion):
    measure = lambda g: labeler.measure(g, *SIZE)  # noqa: E731
    return confidence.thresholds(list(grids), measure, labeler.pools, portion)[0]


@pytest.fixture(params=parts.names("labelers"))
def name(request):
    return request.param


@pytest.mark.parametrize("portion", [0.0, 0.3, 1.0])
def test_labels_are_classes_or_ignored(name, portion, grids):
    labeler = build(name, portion)
    k = thresholds(labeler, grids, portion)
    for grid in grids:
        before = grid.copy()
        label = labeler.label(grid, *SIZE, k).labels
        assert (label.shape, label.dtype) == (SIZE, np.uint8)
        assert np.isin(label, [*range(CLASSES), IGNORE]).all()
        assert np.array_equal(label, labeler.label(grid, *SIZE, k).labels)
        assert np.array_equal(grid, before)


def test_pools_are_a_partition_of_the_classes(name):
    pools = build(name, 0.5).pools
    assert (len(pools), pools.dtype) == (CLASSES, np.int64)
    assert set(pools) == set(range(pools.max() + 1))


def test_where_nothing_may_be_kept_nothing_is(name, grids):
    k = np.full(CLASSES, fused.NOTHING)
    assert (build(name, 0.0).label(grids[0], *SIZE, k).labels == IGNORE).all()


def test_a_higher_portion_labels_no_less(name):
    grids = random_grids(3).astype(np.float32)
    kept = []
    for portion in (0.1, 0.4, 0.8):
        labeler = build(name, portion)
        k = thresholds(labeler, grids, portion)
        kept.append(sum((labeler.label(g, *SIZE, k).labels != IGNORE).sum() for g in grids))
    assert 0 < kept[0] < kept[1] < kept[2]


@pytest.mark.parametrize("rule", ["st", "cbst"])
@pytest.mark.parametrize("portion", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("seed", range(2))
def test_the_rule_of_the_paper(rule, portion, seed):
    grids = random_grids(seed).astype(np.float16).astype(np.float32)
    logs = np.stack([log_p(grid) for grid in grids])
    top, predicted = logs.max(1), logs.argmax(1)
    lambdas = np.ones(CLASSES)
    for c in range(CLASSES):
        pool = top if rule == "st" else top[predicted == c]
        ranked = np.sort(np.exp(pool), axis=None)[::-1]
        if rank := int(np.floor(ranked.size * portion)):
            lambdas[c] = ranked[rank - 1]
    weighted = np.exp(logs) / lambdas[:, None, None]
    best = np.sort(weighted, axis=1)
    clear = (np.abs(best[:, -1] - 1) > 1e-4) & (best[:, -1] - best[:, -2] > 1e-4)
    expected = np.where(weighted.max(1) >= 1, weighted.argmax(1), IGNORE)

    labeler = build(rule, portion)
    k = thresholds(labeler, grids, portion)
    np.testing.assert_allclose(np.exp(-k), lambdas, rtol=1e-5)
    made = np.stack([labeler.label(grid, *SIZE, k).labels for grid in grids])
    assert clear.mean() > 0.99
    assert (made == expected)[clear].all()


def test_cbst_labels_a_class_that_st_leaves_out():
    grid = np.zeros((2, 10, 10), np.float32)
    grid[0] = np.linspace(4, 9, 100).reshape(10, 10)
    grid[:, 0, :4] = np.array([[0.0], [0.5]])
    kept = {}
    for rule in ("st", "cbst"):
        labeler = build(rule, 0.5, classes=2)
        measure = lambda g, of=labeler: of.measure(g, 10, 10)  # noqa: E731
        k, _ = confidence.thresholds([grid], measure, labeler.pools, 0.5)
        label = labeler.label(grid, 10, 10, k).labels
        kept[rule] = [(label == c).sum() for c in range(2)]
    assert kept["st"] == [50, 0]
    assert kept["cbst"] == [48, 4]  # the four are equally sure
