"""Names of params.yaml: what they may be, and one made of any text."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime import lineage, names
from pipeline.runtime.files import BadInput


@pytest.mark.parametrize("name", ["a", "_", "round-1", "GTA5", "größe", "2024", "x" * 100])
def test_a_name_that_fits_stays(name):
    names.check_name(name, "here")
    assert names.fit(name) == name


@pytest.mark.parametrize(
    ("name", "words"),
    [(3, "not strings"), (None, "not strings"), ("", "use letters"), ("-a", "the first no '-'"),
     ("a/b", "use letters"), ("a\n", "use letters"), ("x" * 101, "at most 100")],
)  # fmt: skip
def test_what_fits_no_file_or_command_is_refused(name, words):
    with pytest.raises(BadInput, match=words) as error:
        names.check_name(name, "params.yaml: source.x")
    assert str(error.value).startswith("params.yaml: source.x: ")


@given(st.text())
def test_a_name_made_of_any_text_fits_or_is_nothing(text):
    if made := names.fit(text):
        names.check_name(made, "here")
    else:
        assert not any(letter.isalnum() or letter == "_" for letter in text)


# --- sources -------------------------------------------------------------------------------

FILE = Path("params.yaml")
JUDGED = {"model": "a", "adapted": "r"}
SOURCES = {
    "source": {"game": {}, "drawn": {}, "third": {}},
    "translations": {"painted": {"source": "game", "evaluate_translation": JUDGED}},
    "mix": {"both": {"one": "game", "other": "drawn"}, "all": {"one": "third", "other": "both"}},
    "prior": {"source": "all"},
    "pretrain": {"a": {"source": "game"}, "b": {"source": "all"}},
    "warmup": {"c": {"from": "a", "source": "both"}},
    "rounds": {"r": {"teacher": "a", "start": "a", "retrain": {"source": "third"}}},
}


def test_each_model_and_the_prior_may_name_a_source_or_a_mix():
    names.check(SOURCES, FILE)
    assert dict(names.uses(SOURCES)) == {
        "pretrain.a": "game", "pretrain.b": "all", "warmup.c": "both",
        "rounds.r.retrain": "third", "prior": "all",
    }  # fmt: skip


def test_a_translation_is_named_wherever_a_source_is_and_may_be_translated_again():
    again = {"source": "painted", "evaluate_translation": JUDGED}
    content = SOURCES | {
        "translations": {**SOURCES["translations"], "repainted": again},
        "mix": {"all": {"one": "game", "other": "repainted"}},
        "prior": {"source": "painted"},
        "warmup": {"c": {"from": "a", "source": "repainted"}},
    }
    names.check(content, FILE)
    assert lineage.members(content, "all") == ["game", "repainted"]


def test_a_mix_may_be_translated_and_its_members_keep_their_names_behind_the_translations():
    items = {"every": {"source": "all", "evaluate_translation": JUDGED},
             "again": {"source": "every", "evaluate_translation": JUDGED}}  # fmt: skip
    mixes = {**SOURCES["mix"], "more": {"one": "painted", "other": "every"}}
    content = SOURCES | {"mix": mixes, "translations": {**SOURCES["translations"], **items}}
    names.check(content, FILE)
    every = ["every/third", "every/game", "every/drawn"]
    assert lineage.members(content, "every") == every
    assert lineage.members(content, "again") == [f"again/{name}" for name in every]
    assert lineage.members(content, "more") == ["painted", *every]
    (single,) = lineage.members(content, "painted")
    assert single == lineage.translated("painted", "game", 1)


def test_what_a_model_learned_from_is_the_source_that_it_names():
    expected = {"a": "game", "b": "all", "c": "both", "r": "third"}
    assert names.learned_from(SOURCES) == expected
    assert names.learned_from({"pretrain": {"a": None}, "rounds": {"r": {"retrain": 3}}}) == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("game", ["game"]), ("both", ["game", "drawn"]), ("all", ["third", "game", "drawn"])],
)
def test_members_of_a_mix_are_its_sources_in_the_end(name, expected):
    assert lineage.members(SOURCES, name) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pretrain": {"a": {"source": "ghost"}}},
         r"pretrain\.a\.source = 'ghost': no source of that name; choose game, drawn, third"),
        ({"warmup": {"c": {"from": "a", "source": "a"}}}, r"warmup\.c\.source = 'a': no source"),
        ({"prior": {"source": 3}}, r"prior\.source = 3: no source"),
        ({"rounds": {"r": {**SOURCES["rounds"]["r"], "retrain": {"source": "x"}}}},
         r"rounds\.r\.retrain\.source = 'x'"),
        ({"mix": {"game": {"one": "drawn", "other": "third"}}},
         r"mix\.game: another source has this name"),
        ({"mix": {"both": {"one": "game", "other": "later"}, "later": {}}},
         r"mix\.both\.other = 'later': no source of that name comes before it; choose game, drawn"),
        ({"mix": {"both": {"one": "game"}}}, r"mix\.both\.other = None"),
        ({"mix": {"both": {"one": "game", "other": "game"}}}, r"mix\.both: has game twice"),
        ({"mix": {**SOURCES["mix"], "more": {"one": "all", "other": "game"}}},
         r"mix\.more: has game twice"),
        ({"translations": {"game": {"source": "drawn", "evaluate_translation": JUDGED}}},
         r"translations\.game: another source has this name"),
        ({"translations": {"painted": {"source": "ghost", "evaluate_translation": JUDGED}}},
         r"translations\.painted\.source = 'ghost': no source of that name comes before it"),
        ({"translations": {"painted": {"source": "game"}}},
         r"painted\.evaluate_translation\.model = None: no model of that name; choose a, b, c, r"),
        ({"translations": {"painted": {"source": "game",
                                       "evaluate_translation": JUDGED | {"adapted": "x"}}}},
         r"painted\.evaluate_translation\.adapted = 'x': no model of that name"),
        ({"translations": {"painted": {"source": "game", "evaluate_translation": 3}}},
         r"evaluate_translation must be a mapping, not 3"),
        ({"source": {"val": {}}}, r"source\.val: is what prepare makes; choose another name"),
        ({"source": {"a b": {}}}, r"source\.a b: names name files"),
        ({"mix": {"both": []}}, r"mix\.both must be a mapping"),
        ({"source": {}}, r"translations\.painted\.source = 'game': .*none yet: source has none"),
        ({"prepare": {"source": {}}}, r"prepare\.source: sources have names now.*segue migrate"),
    ],
)  # fmt: skip
def test_what_names_no_source_is_refused(change, message):
    with pytest.raises(BadInput, match=message):
        names.check(SOURCES | change, FILE)
