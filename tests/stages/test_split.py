"""split: the easiest share of the images, whatever ranks them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.runtime import parts
from pipeline.stages import split


def coverage(entropies):
    """One class and one image each; the entropies are those of images b0, b1, ..."""
    return pd.DataFrame(
        [(f"b{i:02d}", "soil", 10, 5, 0.5, e) for i, e in enumerate(entropies)],
        columns=["image", "class", "predicted", "kept", "mean_confidence", "mean_entropy"],
    )


@pytest.mark.parametrize("n", [1, 3, 10])
@pytest.mark.parametrize("easy", [0.0, 0.3, 0.34, 0.67, 0.999, 1.0])
def test_the_first_share_is_easy(n, easy):
    entropies = np.random.default_rng(n).random(n)
    table = split.run(split.Params(ranker="entropy", easy=easy), coverage(entropies), None)
    assert table["image"].tolist() == [f"b{i:02d}" for i in np.argsort(entropies)]
    assert table["rank"].tolist() == list(range(n))
    count = int(np.floor(n * easy))
    assert table["subset"].tolist() == ["easy"] * count + ["hard"] * (n - count)
    assert list(table) == ["image", "score", "rank", "subset"]


@pytest.mark.parametrize("ranker", ["entropy", "none"])
def test_ties_go_by_name(ranker):
    given = coverage([0.5] * 12).sample(frac=1, random_state=0)
    table = split.run(split.Params(ranker=ranker, easy=0.5), given, None)
    assert table["image"].tolist() == [f"b{i:02d}" for i in range(12)]


def test_the_order_that_a_ranker_returns_does_not_matter(monkeypatch):
    scores = pd.Series([0.5, 0.1, 0.5, 0.5], index=["d", "c", "a", "b"])
    ranker = SimpleNamespace(scores=lambda *_: scores)
    monkeypatch.setattr(parts, "build", lambda *_: ranker)
    table = split.run(split.Params(ranker="any", easy=0.5), None, None)
    assert table["image"].tolist() == ["c", "a", "b", "d"]
    assert table["subset"].tolist() == ["easy", "easy", "hard", "hard"]
