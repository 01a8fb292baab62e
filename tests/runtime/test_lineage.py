"""What is made of what, and a translation that would be made of itself."""

from pathlib import Path

import pytest

from pipeline.runtime import lineage, names
from pipeline.runtime.contents import overlay
from pipeline.runtime.files import BadInput

JUDGED = {"model": "plain", "adapted": "plain"}
LOOP = {
    "source": {"game": {}, "drawn": {}},
    "translations": {
        "first": {"source": "game", "evaluate_translation": JUDGED,
                  "fit_translator": {"translator": "cycada", "segmenter": "plain"}},
        "second": {"source": "game", "evaluate_translation": JUDGED,
                   "fit_translator": {"translator": "cycada", "segmenter": "round-1"}},
    },
    "mix": {"both": {"one": "drawn", "other": "first"}},
    "pretrain": {"plain": {"source": "game"}, "made": {"source": "first"}},
    "warmup": {"warm": {"from": "made", "source": "both"}},
    "mean": {"two": {"one": "warm", "other": "plain"}},
    "rounds": {
        "round-1": {"teacher": "two", "start": "warm", "retrain": {"source": "both"}},
        "round-2": {"teacher": "round-1", "start": "round-1", "retrain": {"source": "second"}},
    },
    "prior": {"source": "game"},
}  # fmt: skip
PATH = Path("params.yaml")


def segmenter(name, of="second"):
    return {"translations": {of: {"fit_translator": {"segmenter": name}}}}


def test_a_translation_by_a_later_model_of_another_is_no_circle():
    names.check(LOOP, PATH)
    assert lineage.circle(LOOP, "first") == []
    assert lineage.circle(LOOP, "second") == []


@pytest.mark.parametrize(
    ("changes", "of", "around"),
    [
        (segmenter("round-2"), "second", ["second", "round-2", "second"]),
        (segmenter("made", "first"), "first", ["first", "made", "first"]),
        (segmenter("warm", "first"), "first", ["first", "warm", "both", "first"]),
        (segmenter("two", "first"), "first", ["first", "two", "warm", "both", "first"]),
        ({"prior": {"source": "second"}}, "second", ["second", "round-1", "second"]),
        ({"translations": {"second": {"source": "first"}}, **segmenter("round-2", "first")},
         "first", None),
    ],
)  # fmt: skip
def test_one_that_would_be_made_of_itself_is_refused(changes, of, around):
    """By what it learns from, by a mix, a mean, and by the prior that warm-ups and rounds read."""
    content = overlay(LOOP, changes)
    found = lineage.circle(content, of)
    assert (found[0], found[-1]) == (of, of)
    if around is not None:
        assert len(found) == len(around)
    with pytest.raises(BadInput, match=rf"it would be made of itself \({of} of"):
        names.check(content, PATH)


def test_a_mix_that_a_translation_is_in_is_not_what_it_is_made_of():
    content = overlay(LOOP, {"translations": {"first": {"source": "both"}}})
    around = r"first\.source = 'both': it would be made of itself \(first of both of first\); name"
    with pytest.raises(BadInput, match=around):
        names.check(content, PATH)


@pytest.mark.parametrize("given", ["ghost", 3, ["plain"], "game"])
def test_a_segmenter_is_a_model_or_none(given):
    with pytest.raises(BadInput, match=r"second\.fit_translator\.segmenter = .*: no model of that"):
        names.check(overlay(LOOP, segmenter(given)), PATH)
    names.check(overlay(LOOP, segmenter("none")), PATH)


def test_no_model_is_called_none():
    with pytest.raises(BadInput, match=r"pretrain\.none: is what stands for no model; choose"):
        names.check(overlay(LOOP, {"pretrain": {"none": {"source": "game"}}}), PATH)
