"""Every labeler keeps the contract; each rule against a slow reference."""

import numpy as np
import pytest
from scipy.special import logsumexp, xlogy

from pipeline.domain.taxonomy import IGNORE
from pipeline.inference import confidence, labelling
from pipeline.runtime import parts
from tests.references import log_softmax, reference_threshold, reference_votes, resample, upsample

CLASSES, SIZE = 5, (30, 44)
PRIOR = np.full((CLASSES, 4, 5), 1 / CLASSES, np.float32)  # for labelers that ask for one


def build(name, portion, classes=CLASSES, prior=PRIOR, **options):
    context = {"classes": classes, "portion": portion, "prior": prior}
    return parts.build("labelers", name, options, **context)


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


def test_labels_follow_where_the_cells_lie(name):
    """What a part of the image's cells say of it is what all of them say there."""
    grid, (rows, columns) = random_grids(0)[0].astype(np.float32), (6, 7)
    labeler = build(name, 0.5)
    whole = labeler.measure(grid, 10 * rows, 10 * columns)
    near = labeler.measure(grid, 10 * rows, 10 * columns, (-1e-9, 0.0, 1.0, 1.0))
    for one, other in zip(whole[1:], near[1:], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
    window = (-1 / columns, -1 / rows, 1 + 1 / columns, 1 + 1 / rows)  # a cell more on each side
    wide = np.pad(grid, ((0, 0), (1, 1), (1, 1)), mode="edge")
    found = labeler.measure(wide, 10 * rows, 10 * columns, window)
    assert (found[0] == whole[0]).mean() > 0.97
    k = np.full(CLASSES, np.median(whole[1]), np.float32)
    labels = [
        labeler.label(grid, 10 * rows, 10 * columns, k).labels,
        labeler.label(wide, 10 * rows, 10 * columns, k, window).labels,
    ]
    assert (labels[0] == labels[1]).mean() > 0.97


def test_pools_are_a_partition_of_the_classes(name):
    pools = build(name, 0.5).pools
    assert (len(pools), pools.dtype) == (CLASSES, np.int64)
    assert set(pools) == set(range(pools.max() + 1))


def test_where_nothing_may_be_kept_nothing_is(name, grids):
    k = np.full(CLASSES, labelling.NOTHING)
    assert (build(name, 0.0).label(grids[0], *SIZE, k).labels == IGNORE).all()


def test_measure_gives_a_class_a_score_and_an_entropy_of_each_pixel(name, grids):
    labeler = build(name, 0.5)
    for height, width in (SIZE, (1, 1), (3, 300)):
        before = grids[0].copy()
        predicted, k, entropy = labeler.measure(grids[0], height, width)
        assert {found.shape for found in (predicted, k, entropy)} == {(height, width)}
        assert (predicted.dtype, k.dtype, entropy.dtype) == (np.uint8, np.float32, np.float32)
        assert (predicted < CLASSES).all()
        assert np.isfinite(k).all()
        assert (k >= 0).all()
        assert ((entropy >= 0) & (entropy <= np.log(CLASSES) * (1 + 1e-5))).all()
        assert np.array_equal(grids[0], before)


@pytest.mark.parametrize("limit", ["found", "nothing", "some", "any"])
def test_sure_are_the_pixels_whose_own_score_passes_the_threshold_of_their_class(
    name, limit, grids
):
    labeler = build(name, 0.4)
    k = thresholds(labeler, grids, 0.4)
    k[{"found": [], "nothing": slice(None), "some": [0, 2], "any": []}[limit]] = labelling.NOTHING
    if limit == "any":
        k = np.random.default_rng(1).uniform(0, 2, CLASSES).astype(np.float32)
    for grid in grids:
        predicted, own, _ = labeler.measure(grid, *SIZE)
        sure = labeler.label(grid, *SIZE, k).sure
        expected = [int(((predicted == c) & (own <= k[c])).sum()) for c in range(CLASSES)]
        assert (sure.shape, sure.dtype) == ((CLASSES,), np.int64)
        assert sure.tolist() == expected


@pytest.mark.parametrize("portion", [0.0, 0.3, 1.0])
def test_dense_labels_are_of_every_pixel(name, portion, grids):
    labeler = build(name, portion)
    k = thresholds(labeler, grids, portion)
    for grid in grids:
        made = labeler.label(grid, *SIZE, k)
        if made.dense is not None:
            assert (made.dense.shape, made.dense.dtype) == (SIZE, np.uint8)
            assert (made.dense < CLASSES).all()


@pytest.mark.parametrize("classes", [2, 19])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (5, 1)])
def test_images_may_be_as_small_as_one_pixel(name, classes, shape):
    prior = np.random.default_rng(2).uniform(0.1, 1, (classes, 3, 2)).astype(np.float32)
    labeler = build(name, 1.0, classes, prior)
    grid = np.random.default_rng(3).normal(0, 2, (classes, 1, 2)).astype(np.float32)
    measure = lambda g: labeler.measure(g, *shape)  # noqa: E731
    k = confidence.thresholds([grid], measure, labeler.pools, 1.0)[0]
    made = labeler.label(grid, *shape, k)
    assert made.labels.shape == shape
    assert made.sure.sum() == made.labels.size  # portion 1: all are sure
    assert made.sure.shape == (classes,)


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


# --- CBST-SP -------------------------------------------------------------------------------


def random_prior(seed, classes=CLASSES, shape=(4, 5)):
    made = np.random.default_rng(seed).dirichlet(np.ones(classes), shape).transpose(2, 0, 1)
    return made.clip(1e-4, 1).astype(np.float32)


def never_one_class(seed):
    made = random_grids(seed)
    made[:, 1] -= 60
    return made


@pytest.mark.parametrize("shape", [(1, 1), (4, 5), (6, 7), (23, 31)])
@pytest.mark.parametrize("portion", [0.002, 0.4, 1.0])
@pytest.mark.parametrize("world", [random_grids, one_class_everywhere, never_one_class, constant])
def test_spatial_priors_weigh_classes_scores_thresholds_and_labels(shape, portion, world):
    grids, prior = world(5).astype(np.float16).astype(np.float32), random_prior(6, shape=shape)
    log_q = np.log(resample(prior, 6, 7))
    logs = np.stack([upsample(log_q, *SIZE) + log_softmax(upsample(g, *SIZE)) for g in grids])
    top, predicted = logs.max(1), logs.argmax(1)
    pools = [-top[predicted == c] for c in range(CLASSES)]
    expected = np.array([reference_threshold(pool, portion) for pool in pools])

    labeler = build("cbst_sp", portion, prior=prior)
    k = thresholds(labeler, grids, portion)
    np.testing.assert_allclose(k, expected, rtol=1e-5, atol=2e-5)
    weights = logs + expected[:, None, None]
    best = np.sort(weights, axis=1)[:, -2:]
    with np.errstate(invalid="ignore"):
        clear = (np.abs(best[:, 1]) > 1e-4) & ~(best[:, 1] - best[:, 0] < 1e-4)
    right = np.where(best[:, 1] >= 0, weights.argmax(1), IGNORE)
    made = np.stack([labeler.label(grid, *SIZE, k).labels for grid in grids])
    assert clear.mean() > 0.97 or world in (constant, one_class_everywhere)  # these tie
    assert (made == right)[clear].all()


@pytest.mark.parametrize("portion", [0.0, 0.3, 1.0])
def test_a_prior_of_one_everywhere_leaves_cbst(portion, grids):
    ones = np.ones((CLASSES, 3, 4), np.float32)
    with_prior, plain = build("cbst_sp", portion, prior=ones), build("cbst", portion)
    k = thresholds(with_prior, grids, portion)
    assert np.array_equal(k, thresholds(plain, grids, portion))
    for grid in grids:
        one, two = (labeler.label(grid, *SIZE, k) for labeler in (with_prior, plain))
        assert np.array_equal(one.labels, two.labels)
        assert np.array_equal(one.sure, two.sure)


def test_a_class_is_not_found_where_the_source_never_has_it():
    prior = np.full((2, 1, 4), 0.5, np.float32)
    prior[0, 0] = [1e-4, 1e-4, 0.9, 0.9]
    grid = np.stack([np.full((6, 8), 0.7), np.zeros((6, 8))]).astype(np.float32)  # p of 0 is 2/3
    labels = {}
    for rule in ("cbst", "cbst_sp"):
        labeler = build(rule, 1.0, classes=2, prior=prior)
        measure = lambda g, of=labeler: of.measure(g, 24, 32)  # noqa: E731
        k, _ = confidence.thresholds([grid], measure, labeler.pools, 1.0)
        labels[rule] = labeler.label(grid, 24, 32, k).labels
    assert (labels["cbst"] == 0).all()
    assert (labels["cbst_sp"][:, :12] == 1).all()
    assert (labels["cbst_sp"][:, 20:] == 0).all()


def test_images_of_several_grids_share_one_prior():
    prior, labeler = random_prior(7), build("cbst_sp", 0.5, prior=random_prior(7))
    for rows, columns in ((6, 7), (2, 3), (6, 7), (9, 1)):
        grid = np.zeros((CLASSES, rows, columns), np.float32)
        predicted, k, _ = labeler.measure(grid, rows, columns)
        q = resample(prior, rows, columns)
        np.testing.assert_allclose(np.exp(-k), q.max(0) / CLASSES, rtol=1e-5)
        assert (predicted == q.argmax(0)).all()


# --- LRENT ---------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.05, 0.25, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("portion", [0.0, 0.002, 0.3, 1.0])
def test_both_of_lrents_selection_rules_are_the_labelers(alpha, portion, grids):
    labeler = build("crst_lrent", portion, alpha=alpha)
    k = thresholds(labeler, grids, portion)
    minus_log_lambda = np.maximum(k, 0).astype(np.float64)[:, None, None]  # lambda of NOTHING is 1
    # float32 has no finer steps at these logits
    slack = 1e-4 + 4 / alpha * np.spacing(np.abs(grids).max())
    for grid in grids:
        logs = log_p(grid)
        ratio = logs + minus_log_lambda
        total = logsumexp(ratio / alpha, axis=0)
        soft = np.exp(ratio / alpha - total)
        assert soft.sum(0) == pytest.approx(1)
        cost = (-soft * logs + alpha * xlogy(soft, soft)).sum(0)
        limit = (soft * minus_log_lambda).sum(0)
        clear = np.abs(total) > slack
        assert ((cost < limit) == (total > 0))[clear].all()  # of the paper, and the shorter one

        best = np.sort(ratio, axis=0)[-2:]
        clear &= best[1] - best[0] > slack
        labels = labeler.label(grid, *SIZE, k).labels
        assert (labels == np.where(total > 0, ratio.argmax(0), IGNORE))[clear].all()


@pytest.mark.parametrize("alpha", [0.1, 0.25, 0.5])
def test_lrents_rules_decide_nearly_all_pixels_of_random_images(alpha):
    grids = random_grids(8).astype(np.float32)
    labeler = build("crst_lrent", 0.3, alpha=alpha)
    k = np.maximum(thresholds(labeler, grids, 0.3), 0)[:, None, None]
    for grid in grids:
        total = logsumexp((log_p(grid) + k) / alpha, axis=0)
        assert (np.abs(total) > 1e-4).mean() > 0.98
        assert 0.1 < (total > 0).mean() < 0.9


def test_lrent_keeps_pixels_that_are_unsure_between_sure_classes():
    # 0.9 / lambda of either is below 1, 2 * 0.9^(1 / alpha) is not
    grid = np.log(np.array([0.45, 0.45, 0.1], np.float32))[:, None, None]
    k = -np.log(np.array([0.5, 0.5, 1.0], np.float32))
    kept = [
        build("crst_lrent", 0.5, classes=3, alpha=alpha).label(grid, 1, 1, k).labels[0, 0]
        for alpha in (0.1, 0.25, 0.5)
    ]
    assert kept == [IGNORE, 0, 0]  # 2 * 0.9^10 = 0.70, 2 * 0.9^4 = 1.31
    assert build("cbst", 0.5, classes=3).label(grid, 1, 1, k).labels[0, 0] == IGNORE


# --- TPLD ----------------------------------------------------------------------------------


@pytest.mark.parametrize("portion", [0.002, 0.3, 1.0])
def test_without_votes_tpld_is_cbst(portion, grids):
    labeler, plain = build("tpld", portion, repeats=0), build("cbst", portion)
    k = thresholds(plain, grids, portion)
    assert np.array_equal(k, thresholds(labeler, grids, portion))
    for grid in grids:
        one, two = (of.label(grid, *SIZE, k) for of in (labeler, plain))
        predicted, own, _ = plain.measure(grid, *SIZE)
        limit = k[predicted]
        with np.errstate(invalid="ignore"):
            tie = np.abs(own - limit) <= 1e-3 * limit
        assert np.array_equal(one.labels[~tie], two.labels[~tie])
        assert np.array_equal(one.sure, two.sure)


@pytest.mark.parametrize("portion", [0.3, 0.5])
@pytest.mark.parametrize("voting", [(0.7, 57, 3), (0.5, 3, 1), (0.2, 5, 2)])
def test_tplds_options_reach_the_vote(portion, voting):
    shape = (9, 11)
    own, window, repeats = voting
    options = {"own": own, "window": window, "repeats": repeats}
    labeler = build("tpld", portion, **options)
    grids = np.random.default_rng(9).normal(0, 1.5, (2, CLASSES, 4, 5)).astype(np.float32)
    measure = lambda g: labeler.measure(g, *shape)  # noqa: E731
    k = confidence.thresholds(list(grids), measure, labeler.pools, portion)[0]
    k = np.where(k > 0, k * np.float32(1.001), k)  # a threshold is a pixel's own score: a tie
    for grid in grids:
        log_p = log_softmax(upsample(grid, *shape))
        votes, closest = reference_votes(log_p, k, *voting)
        assert closest > 1e-6
        assert (votes[0] != votes[-1]).any()
        assert np.array_equal(labeler.label(grid, *shape, k).labels, votes[-1])


def test_tpld_labels_what_cbst_does_and_more(grids):
    labeler, plain = build("tpld", 0.3, window=9), build("cbst", 0.3)
    k = thresholds(plain, grids, 0.3)
    for grid in grids:
        made, kept = labeler.label(grid, *SIZE, k), plain.label(grid, *SIZE, k).labels
        assert ((made.labels == kept) | (kept == IGNORE)).mean() > 0.99
        assert (made.labels != IGNORE).sum() >= (kept != IGNORE).sum() * 0.99
        again = labeler.label(grid, *SIZE, k)
        assert np.array_equal(made.labels, again.labels)
        assert np.array_equal(made.dense, again.dense)


@pytest.mark.parametrize("portion", [0.0, 0.3, 1.0])
def test_dense_labels_are_the_weighted_argmax_and_agree_with_those_of_cbst(portion, grids):
    labeler = build("tpld", portion)
    k = thresholds(labeler, grids, portion)
    slack = 1e-5 + 4 * np.spacing(np.abs(grids).max())
    for grid in grids:
        weights = log_p(grid) + np.maximum(k, 0)[:, None, None]
        best = np.sort(weights, axis=0)[-2:]
        clear = best[1] - best[0] > slack
        dense = labeler.label(grid, *SIZE, k).dense
        assert (dense == weights.argmax(0))[clear].all()
        kept = build("cbst", portion).label(grid, *SIZE, k).labels
        assert ((dense == kept) | (kept == IGNORE) | ~clear).all()
