"""Names of params.yaml: what they may be, and one made of any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime import names
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
