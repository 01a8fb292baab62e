"""split: the easiest share of the images, whatever ranks them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.review import verdicts
from pipeline.review.verdicts import Verdict
from pipeline.runtime import parts
from pipeline.runtime.files import BadInput
from pipeline.stages import split


def coverage(entropies):
    """One class and one image each; the entropies are those of images b0, b1, ..."""
    return pd.DataFrame(
        [(f"b{i:02d}", "soil", 10, 5, 0.5, e) for i, e in enumerate(entropies)],
        columns=["image", "class", "predicted", "kept", "mean_confidence", "mean_entropy"],
    )


def ranked(params, table, excluded=()):
    return split.run(params, split.scored(params, [table], None), excluded)


@pytest.mark.parametrize("n", [1, 3, 10])
@pytest.mark.parametrize("easy", [0.0, 0.3, 0.34, 0.67, 0.999, 1.0])
def test_the_first_share_is_easy(n, easy):
    entropies = np.random.default_rng(n).random(n)
    table = ranked(split.Params(ranker="entropy", easy=easy), coverage(entropies))
    assert table["image"].tolist() == [f"b{i:02d}" for i in np.argsort(entropies)]
    assert table["rank"].tolist() == list(range(n))
    count = int(np.floor(n * easy))
    assert table["subset"].tolist() == ["easy"] * count + ["hard"] * (n - count)
    assert list(table) == ["image", "score", "rank", "subset"]


@pytest.mark.parametrize("ranker", ["entropy", "none"])
def test_ties_go_by_name(ranker):
    given = coverage([0.5] * 12).sample(frac=1, random_state=0)
    table = ranked(split.Params(ranker=ranker, easy=0.5), given)
    assert table["image"].tolist() == [f"b{i:02d}" for i in range(12)]


def test_the_order_that_a_ranker_returns_does_not_matter(monkeypatch):
    scores = pd.Series([0.5, 0.1, 0.5, 0.5], index=["d", "c", "a", "b"])
    ranker = SimpleNamespace(scores=lambda *_: scores)
    monkeypatch.setattr(parts, "build", lambda *_: ranker)
    table = ranked(split.Params(ranker="any", easy=0.5), None)
    assert table["image"].tolist() == ["c", "a", "b", "d"]
    assert table["subset"].tolist() == ["easy", "easy", "hard", "hard"]


def test_excluded_images_come_last_and_the_share_is_of_the_others():
    given = coverage(np.linspace(0, 1, 8))
    params = split.Params(ranker="entropy", easy=0.5)
    table = ranked(params, given, ["b01", "b06"])
    rest = ["b00", "b02", "b03", "b04", "b05", "b07"]
    assert table["image"].tolist() == [*rest, "b01", "b06"]
    assert table["subset"].tolist() == ["easy"] * 3 + ["hard"] * 3 + ["excluded"] * 2
    assert table["rank"].tolist() == list(range(8))
    assert ranked(params, given).equals(ranked(params, given, []))


@pytest.fixture
def verdict(tmp_path, monkeypatch):
    """Writes a round's verdicts; the images are a/b0.png, a/b1.png."""
    monkeypatch.setattr(split, "read", lambda: {"rounds": {"r1": {}, "r2": {}}})

    def write(rows):
        verdicts.write(tmp_path / "r1.csv", {name: Verdict(of) for name, of in rows.items()})
        return split.excluded(tmp_path, "r1", ["a/b0.png", "a/b1.png"])

    return write


def test_the_verdict_exclude_alone_excludes(verdict, tmp_path):
    assert verdict({"a__b0": "exclude", "a__b1": "fix"}) == ["a__b0"]
    assert verdict({"a__b0": "good"}) == []
    assert split.excluded(tmp_path, "r2", ["a/b0.png"]) == []


def test_a_round_is_left_some_image(verdict):
    with pytest.raises(BadInput, match=r"r1\.csv: excludes all 2 images"):
        verdict({"a__b0": "exclude", "a__b1": "exclude"})


def test_a_verdict_on_no_image_is_refused(verdict):
    with pytest.raises(BadInput, match=r"r1\.csv: 'a/b0\.png': no target image has this name"):
        verdict({"a/b0.png": "fix"})
