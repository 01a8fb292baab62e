"""Verdicts: what a file of them says, and what is no such file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.review import verdicts
from pipeline.review.verdicts import VERDICTS, Verdict
from pipeline.runtime.files import BadInput

HEAD = "image,verdict,note\n"
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
FILES = st.dictionaries(TEXT, st.builds(Verdict, st.sampled_from(VERDICTS), TEXT), max_size=6)


@given(FILES)
def test_what_was_written_is_read(tmp_path_factory, given):
    path = tmp_path_factory.mktemp("verdicts") / "r.csv"
    verdicts.write(path, given)
    assert [*verdicts.read(path).items()] == [*given.items()]


def test_a_file_as_spreadsheets_save_it_is_read(tmp_path):
    path = tmp_path / "r.csv"
    path.write_bytes(
        '\ufeffimage,verdict,note\r\na,fix,"sky, left\r\nof it"\r\n\r\nb,good,'.encode()
    )
    assert verdicts.read(path) == {"a": Verdict("fix", "sky, left\r\nof it"), "b": Verdict("good")}


def test_a_name_that_comes_twice_with_one_verdict_keeps_its_notes(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text(f"{HEAD}a,fix,sky\nb,good,\na,fix,road\na,fix,sky\n")
    assert verdicts.read(path) == {"a": Verdict("fix", "sky; road"), "b": Verdict("good")}


@pytest.mark.parametrize(("content", "words"), [
    (b"", "its first line is ''; it must be 'image,verdict,note'"),
    (b"a,fix,sky\n", "its first line is 'a,fix,sky'"),
    (b"image;verdict;note\n", "with commas"),
    (f"{HEAD}a,fixed,\n".encode(), "line 2: a: 'fixed' is no verdict; choose good, fix, exclude"),
    (f"{HEAD}a,fix,\na,good,\n".encode(), "line 3: a is 'fix' above, and here 'good'"),
    (f"{HEAD}a,fix\n".encode(), "line 2: 2 fields, not 3"),
    (f'{HEAD}a,fix,"sky\n'.encode(), "cannot be read as verdicts"),
    (f"{HEAD}h\u00fctte,fix,\n".encode("latin-1"), "cannot be read as UTF-8 text"),
])  # fmt: skip
def test_what_is_no_file_of_verdicts_is_told_in_one_message(content, words, tmp_path):
    path = tmp_path / "round-1.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"round-1\.csv: ") as error:
        verdicts.read(path)
    assert words in str(error.value)


@pytest.fixture
def folder(tmp_path):
    """Of two rounds of which the first has labels and verdicts."""
    verdicts.write(tmp_path / "review/r1.csv", {"a": Verdict("fix"), "b": Verdict("exclude")})
    (tmp_path / "review/.gitkeep").touch()
    for name in ("a", "b"):
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / "labels" / f"{name}.png").touch()
    return tmp_path / "review"


def found(folder):
    labels = {"r1": folder.parent / "labels", "r2": folder.parent / "none"}
    return [*verdicts.problems(folder, labels)]


def test_nothing_is_wrong_with_good_files_and_a_round_without_labels(folder):
    verdicts.write(folder / "r2.csv", {"not yet known": Verdict("good")})
    assert found(folder) == []


def test_all_that_is_wrong_is_told_at_once(folder):
    verdicts.write(
        folder / "r1.csv", {"x": Verdict("fix"), "a": Verdict("fix"), "y": Verdict("fix")}
    )
    (folder / "r2.csv").write_text("image\n")
    (folder / "r9.csv").write_text(HEAD)
    (folder / "notes.txt").touch()
    told = found(folder)
    assert [line.split(": ")[0] for line in told] == [
        str(folder / name) for name in ("notes.txt", "r9.csv", "r1.csv", "r2.csv")
    ]
    assert "no round has this name; choose r1, r2" in told[1]
    assert "'x': no target image has this name" in told[2]
    assert "(2 such names in all)" in told[2]


def test_a_round_has_its_own_verdicts_and_no_others(folder):
    assert [*verdicts.of_round(folder, ["r1", "r2"], "r1")] == ["a", "b"]
    assert verdicts.of_round(folder, ["r1", "r2"], "r2") == {}
    assert verdicts.of_round(folder / "none", ["r1"], "r1") == {}
    with pytest.raises(BadInput, match=r"r1\.csv: no round has this name; choose r2"):
        verdicts.of_round(folder, ["r2"], "r2")


@given(FILES, FILES)
def test_a_merger_loses_no_row_no_verdict_and_no_note(one, other):
    made = verdicts.merged(one, other, "b.csv")
    assert [*made] == [*one, *(name for name in other if name not in one)]
    differ = verdicts.contradictions(one, other)
    for name, now in made.items():
        first, second = one.get(name), other.get(name)
        assert now.verdict == (first or second).verdict
        assert all(each.note in now.note for each in (first, second) if each)
        apart = bool(first and second and first.verdict != second.verdict)
        assert (name in differ) == apart
        if apart:
            assert f"b.csv: {second.verdict}" in now.note
