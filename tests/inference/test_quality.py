"""Label quality against plain sums, and against cleanlab."""

import json

import numpy as np
import pytest

from pipeline.domain.taxonomy import IGNORE
from pipeline.domain.windows import WHOLE
from pipeline.inference import quality
from pipeline.inference.predictions import Prediction
from tests import outside
from tests.references import log_softmax, upsample
from tests.rounds import THREE

SIZE = (40, 300)  # wider than a block


def predicted(seed=0, scale=3.0, flips=None):
    logits = np.random.default_rng(seed).normal(0, scale, (3, 5, 30)).astype(np.float16)
    return Prediction(f"{seed}.png", *SIZE, logits, WHOLE, flips)


def label(seed=0, share=0.6):
    rng = np.random.default_rng((seed, 1))
    drawn = rng.integers(0, 3, SIZE)
    drawn[rng.random(SIZE) > share] = IGNORE
    drawn[10:20] = IGNORE  # whole blocks
    return drawn.astype(np.uint8)


def probabilities(found):
    return np.exp(log_softmax(upsample(found.logits.astype(np.float64), *SIZE)))


def expected(found, given):
    """quality, confidence, disagreement of the labelled pixels, one by one."""
    p = probabilities(found)
    rows, columns = np.nonzero(given != IGNORE)
    own = p[given[rows, columns], rows, columns]
    weights = np.exp((1 - own) / 0.1)
    other = p[:, rows, columns].argmax(0) != given[rows, columns]
    return (own * weights).sum() / weights.sum(), own.mean(), other.mean()


def table(*pairs):
    images = [found.image for found, _ in pairs]
    return quality.table(images, [quality.of(*pair) for pair in pairs], THREE)


@pytest.mark.parametrize("scale", [0.0, 3.0, 40.0])
def test_scores_are_those_of_each_pixel_by_itself(scale):
    pairs = [(predicted(seed, scale), label(seed)) for seed in range(2)]
    rows = table(*pairs).set_index(["image", "class"])
    for found, given in pairs:
        for of_class, name in enumerate((*THREE.names, "")):
            own = given if not name else np.where(given == of_class, given, IGNORE)
            row = rows.loc[(found.image, name)]
            assert row["labelled"] == (own != IGNORE).sum()
            got = row[["quality", "confidence", "disagreement"]].to_numpy(float)
            if scale:  # of equal classes rounding decides which is predicted
                assert got == pytest.approx(expected(found, own), abs=2e-4)
            assert got[:2] == pytest.approx(expected(found, own)[:2], abs=1e-5)
            assert np.isnan(row["flip"])


def test_of_nothing_there_is_no_score():
    rows = table((predicted(), np.full(SIZE, IGNORE, np.uint8)), (predicted(1), label(1)))
    of_nothing = rows[rows["image"] == "0.png"]
    assert (of_nothing["labelled"] == 0).all()
    assert of_nothing[["quality", "confidence", "disagreement"]].isna().all(axis=None)


def test_a_wrong_label_is_found():
    found = predicted(scale=40)
    good = probabilities(found).argmax(0).astype(np.uint8)
    bad = good.copy()
    bad[:8, :8] = (good[:8, :8] + 1) % 3
    scores = [table((found, each))["quality"].iloc[-1] for each in (good, bad)]
    assert scores[1] < scores[0] - 0.1


def test_flips_are_shares_of_the_cells_of_a_class():
    rows = table((predicted(flips=([4, 0, 6], [1, 0, 3])), label()))
    assert rows["flip"].tolist() == pytest.approx([0.25, np.nan, 0.5, 0.4], nan_ok=True)


SCORES = """
import json, pathlib, sys
import numpy as np
from cleanlab.segmentation.rank import get_label_quality_scores
folder = pathlib.Path(sys.argv[1])
labels, p = np.load(folder / "labels.npy"), np.load(folder / "p.npy")
scores, _ = get_label_quality_scores(labels, p, method="softmin", verbose=False)
print(json.dumps(scores.tolist()))
"""


@pytest.mark.outside
def test_scores_are_cleanlabs(tmp_path):
    found = [predicted(seed, scale) for seed, scale in enumerate((0.5, 3.0, 10.0))]
    labels = [np.random.default_rng(n).integers(0, 3, SIZE).astype(np.uint8) for n in range(3)]
    labels[2] = probabilities(found[2]).argmax(0).astype(np.uint8)
    np.save(tmp_path / "labels.npy", np.stack(labels).astype(int))
    np.save(tmp_path / "p.npy", np.stack([probabilities(each) for each in found]))
    rows = table(*zip(found, labels, strict=True))
    ours = rows.loc[rows["class"] == "", "quality"].tolist()
    assert ours == pytest.approx(json.loads(outside.run(SCORES, tmp_path)), abs=1e-5)
