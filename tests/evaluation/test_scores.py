"""IoU against cityscapesscripts' own evaluation, the other scores against loops."""

import numpy as np
import pytest
from cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling import (
    args,
    evaluatePair,
    generateMatrix,
    getIouScoreForLabel,
    getScoreAverage,
)
from cityscapesscripts.helpers.labels import id2label
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.taxonomy import CAMVID, CITYSCAPES, IGNORE, LABEL_IDS
from pipeline.evaluation.scores import Confusion, percent, summary
from tests import worlds

LABEL_ID = {CITYSCAPES.names.index(name): raw for raw, name in LABEL_IDS.items() if name}
ROAD, WALL, TERRAIN, TRAIN, BICYCLE = (
    CITYSCAPES.names.index(name) for name in ("road", "wall", "terrain", "train", "bicycle")
)
VOID = 0  # an official labelId that is ignored in the truth and wrong in a prediction


def pairs(seed=0, n=3):
    """Truths and predictions of 19 classes, some pixels IGNORE in both."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        truth = rng.integers(0, 19, (24, 32)).astype(np.uint8)
        prediction = rng.integers(0, 19, truth.shape).astype(np.uint8)
        prediction = np.where(rng.random(truth.shape) < 0.5, truth, prediction)
        truth[rng.random(truth.shape) < 0.1] = IGNORE
        truth[np.isin(truth, (WALL, TRAIN))] = ROAD  # wall and train: absent from the truth
        prediction[np.isin(prediction, (TERRAIN, TRAIN))] = ROAD  # never predicted
        prediction[rng.random(truth.shape) < 0.05] = IGNORE
        yield truth, prediction


def confusion(of, classes=19):
    made = Confusion(classes)
    for truth, prediction in of:
        made.add(truth, prediction)
    return made


def official_iou(of, folder):
    """Percent by train id, from PNG files of labelIds."""
    table = np.full(256, VOID, np.uint8)
    table[list(LABEL_ID)] = list(LABEL_ID.values())
    args.evalInstLevelScore, args.quiet = False, True
    matrix = generateMatrix(args)
    for index, pair in enumerate(of):
        files = [str(folder / f"{index}_{kind}.png") for kind in ("gt", "pred")]
        for file, ids in zip(files, pair, strict=True):
            worlds.save(folder / file, table[ids])
        evaluatePair(files[1], files[0], matrix, None, {}, args)
    ids = [LABEL_ID[c] for c in range(19)]
    scores = {id2label[i].name: getIouScoreForLabel(i, matrix, args) for i in ids}
    assert list(scores) == list(CITYSCAPES.names)
    mean = getScoreAverage(scores, args)
    return 100 * np.array(list(scores.values())), 100 * mean


def test_iou_is_the_official_one_of_the_classes_that_the_truth_has(tmp_path):
    given = list(pairs())
    ours = confusion(given).iou()
    theirs, _ = official_iou(given, tmp_path)
    assert theirs[WALL] == 0  # predicted, but not in the truth
    assert np.isnan(theirs[TRAIN])
    theirs[WALL] = np.nan
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert summary(ours, CITYSCAPES)["miou"] == pytest.approx(np.nanmean(theirs), abs=1e-6)
    assert ours[TERRAIN] == 0


def test_the_mean_is_the_official_one_where_the_truth_has_all_classes(tmp_path):
    given = [*pairs(), (np.arange(19, dtype=np.uint8)[None],) * 2]
    _, mean = official_iou(given, tmp_path)
    assert summary(confusion(given).iou(), CITYSCAPES)["miou"] == pytest.approx(mean, abs=1e-6)


def test_a_stray_prediction_of_a_class_that_the_truth_lacks_moves_no_mean():
    truth = np.array([[0, 0, 0, 1, 1, 1]], np.uint8)
    clean = np.array([[0, 0, 1, 1, 1, 1]], np.uint8)
    stray = np.where(truth == clean, truth, 2)  # the same mistake, as a class of no truth
    ious = [confusion([(truth, each)], 3).iou() for each in (clean, stray)]
    assert ious[0].tolist()[0] == ious[1].tolist()[0]
    assert all(np.isnan(each[2]) for each in ious)


@pytest.mark.parametrize("wrong", ["all", "none"])
def test_iou_is_the_official_one_at_the_ends(wrong, tmp_path):
    truth = np.arange(19, dtype=np.uint8).repeat(4).reshape(4, 19)
    prediction = truth if wrong == "none" else (truth + 1) % 19
    theirs, _ = official_iou([(truth, prediction)], tmp_path)
    ours = confusion([(truth, prediction)]).iou()
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert (ours == (100 if wrong == "none" else 0)).all()


def test_iou_of_a_matrix_by_hand():
    truth = np.array([[0, 0, 0, 1, 1, IGNORE]], np.uint8)
    prediction = np.array([[0, 0, 1, 1, IGNORE, 0]], np.uint8)
    made = confusion([(truth, prediction)], 3)
    assert made.matrix.tolist() == [[2, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0]]
    np.testing.assert_allclose(made.iou(), [200 / 3, 100 / 3, np.nan])
    np.testing.assert_allclose(made.precision(), [100, 50, np.nan])
    np.testing.assert_allclose(made.coverage(), [100, 50, np.nan])
    assert made.accuracy() == 75


def loop_scores(of, classes):
    """precision, coverage and accuracy, pixel by pixel."""
    right = dict.fromkeys(range(classes), 0)
    predicted, true, covered = dict(right), dict(right), dict(right)
    for truth, prediction in of:
        for t, p in zip(truth.ravel().tolist(), prediction.ravel().tolist(), strict=True):
            if t == IGNORE:
                continue
            true[t] += 1
            if p != IGNORE:
                covered[t] += 1
                predicted[p] += 1
                right[p] += t == p

    def ratio(part, whole):
        return [100 * part[c] / whole[c] if whole[c] else np.nan for c in range(classes)]

    accuracy = 100 * sum(right.values()) / sum(predicted.values())
    return ratio(right, predicted), ratio(covered, true), accuracy


@pytest.mark.parametrize("seed", range(3))
def test_precision_coverage_and_accuracy_equal_loops(seed):
    given = list(pairs(seed, 2))
    precision, coverage, accuracy = loop_scores(given, 19)
    made = confusion(given)
    np.testing.assert_allclose(made.precision(), precision)
    np.testing.assert_allclose(made.coverage(), coverage)
    assert made.accuracy() == pytest.approx(accuracy, abs=1e-6)


@given(st.integers(1, 255), st.integers(0, 1000))
def test_the_matrix_counts_each_pair_once(classes, seed):
    rng = np.random.default_rng(seed)
    values = np.append(np.arange(classes), IGNORE).astype(np.uint8)
    truth, prediction = rng.choice(values, (2, 5, 7))
    expected = np.zeros((classes, classes + 1), np.int64)
    for t, p in zip(truth.ravel().tolist(), prediction.ravel().tolist(), strict=True):
        if t != IGNORE:
            expected[t, classes if p == IGNORE else p] += 1
    assert np.array_equal(confusion([(truth, prediction)], classes).matrix, expected)


def test_adding_images_adds_matrices():
    given = list(pairs(1, 4))
    parts = sum(confusion([pair]).matrix for pair in given)
    assert np.array_equal(confusion(given).matrix, parts)


@pytest.mark.parametrize("shape", [(4, 5), (5, 4, 1), (20,)])
def test_other_shapes_are_refused(shape):
    made = Confusion(3)
    with pytest.raises(ValueError, match="differ"):
        made.add(np.zeros((5, 4), np.uint8), np.zeros(shape, np.uint8))
    assert made.matrix.sum() == 0


def test_nothing_scored_is_nothing_and_never_a_number():
    made = confusion([(np.full((2, 2), IGNORE, np.uint8), np.zeros((2, 2), np.uint8))])
    assert np.isnan(made.iou()).all()
    assert made.accuracy() is None
    assert set(summary(made.iou(), CITYSCAPES).values()) == {None}


def test_subsets_average_their_own_classes():
    iou = np.arange(19.0)
    iou[BICYCLE] = np.nan
    left_out = {
        "miou": (),
        "miou16": ("terrain", "truck", "train"),
        "miou13": ("terrain", "truck", "train", "wall", "fence", "pole"),
        "rare": ("road", "sidewalk", "building", "vegetation", "sky", "person", "car"),
    }
    expected = {
        key: np.mean([
            iou[i] for i, name in enumerate(CITYSCAPES.names)
            if name not in names and name != "bicycle"
        ])
        for key, names in left_out.items()
    }  # fmt: skip
    assert summary(iou, CITYSCAPES) == pytest.approx(expected, abs=1e-6)


def test_a_taxonomy_without_a_subset_has_null_there():
    found = summary(np.full(11, 50.0), CAMVID)
    assert found == {"miou": 50, "miou16": None, "miou13": None, "rare": 50}


def test_percent():
    assert percent(1, 8) == 12.5
    assert percent(0, 0) is None
