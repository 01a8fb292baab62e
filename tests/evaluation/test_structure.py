"""What became of each class, pixel by pixel; and the verdict."""

import numpy as np
import pytest

from pipeline.domain.taxonomy import IGNORE
from pipeline.evaluation import scores
from pipeline.evaluation.structure import Changes, Judge, Mious, verdict
from tests.rounds import THREE


def maps(seed, size=(9, 11)):
    return np.random.default_rng(seed).integers(0, 3, size).astype(np.uint8)


def test_changes_against_a_loop_over_pixels():
    found, expected, same, total = Changes(3), {}, 0, 0
    for seed in range(3):
        before, after = maps(seed), maps(seed + 10)
        share = found.add(before, after)
        pairs = [*zip(before.ravel().tolist(), after.ravel().tolist(), strict=True)]
        assert share == sum(a != b for a, b in pairs) / len(pairs)
        for pair in pairs:
            expected[pair] = expected.get(pair, 0) + 1
        same, total = same + sum(a == b for a, b in pairs), total + len(pairs)
    assert found.agreement() == pytest.approx(100 * same / total)
    table = found.table(THREE.names)
    assert len(table) == 6
    assert table["pixels"].is_monotonic_decreasing
    for row in table.itertuples():
        i, j = (THREE.names.index(name) for name in (row.before, row.after))
        assert row.pixels == expected[i, j]
        of = sum(count for (first, _), count in expected.items() if first == i)
        assert row.percent == pytest.approx(100 * row.pixels / of)


def test_what_stays_is_in_no_row():
    found = Changes(3)
    found.add(maps(0), maps(0))
    assert found.table(THREE.names).empty
    assert found.agreement() == 100


def test_a_judge_scores_before_and_after_by_the_labels():
    judge, expected = Judge(THREE), (scores.Confusion(3), scores.Confusion(3))
    for seed in range(3):
        label, before, after = maps(seed), maps(seed + 10), maps(seed + 20)
        label[0] = IGNORE
        judge.add(label, before, after)
        for confusion, prediction in zip(expected, (before, after), strict=True):
            confusion.add(label, prediction)
    assert judge.mious() == tuple(scores.summary(c.iou(), THREE)["miou"] for c in expected)


GOOD, BAD = Mious(50, 49), Mious(50, 30)


@pytest.mark.parametrize(
    ("closer", "model", "adapted", "words"),
    [
        (True, GOOD, GOOD, "a translation"),
        (True, BAD, BAD, "closeness without structure is hallucination"),
        (False, GOOD, GOOD, "structure without closeness is no translation"),
        (False, BAD, BAD, "a loss"),
        (True, BAD, GOOD, "falls from 50.0 to 30.0, as a strong style makes it"),
        (True, GOOD, BAD, "hallucination"),
    ],
)
def test_the_verdict_says_which_of_both_is_lacking(closer, model, adapted, words):
    assert verdict(closer, model, adapted, 2.0).endswith(words)


def test_a_loss_as_large_as_the_tolerance_is_allowed():
    assert "hallucination" not in verdict(True, Mious(50, 45), Mious(50, 45), 5.0)
    assert "hallucination" in verdict(True, Mious(50, 45), Mious(50, 45), 4.9)
