"""`segue review merge`: two people's verdicts in one file."""

import pytest

from tests.commandline import refusal, segue

HEAD = "image,verdict,note\n"


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text(f"{HEAD}x,fix,sky\ny,good,\n")
    (tmp_path / "b.csv").write_text(f"{HEAD}z,exclude,blurred\nx,fix,road\n")
    return tmp_path


def test_rows_of_both_are_there_with_both_notes(files):
    told, _ = segue("review", "merge", "a.csv", "b.csv", "out.csv")
    assert "3 verdicts" in told
    assert (files / "out.csv").read_text() == (
        f"{HEAD}x,fix,sky; road\ny,good,\nz,exclude,blurred\n"
    )


def test_contradictions_are_named_and_nothing_is_written(files):
    (files / "b.csv").write_text(f"{HEAD}y,exclude,blurred\nx,good,\n")
    told = refusal("review", "merge", "a.csv", "b.csv", "out.csv")
    assert "a.csv and b.csv contradict each other on 2 images" in told
    assert "  x: fix and good\n  y: good and exclude" in told
    assert not (files / "out.csv").exists()


@pytest.mark.parametrize(("prefer", "rows"), [
    ("first", "x,fix,sky\ny,good,b.csv: exclude (blurred)\n"),
    ("second", "y,exclude,blurred; a.csv: good\nx,fix,sky\n"),
])  # fmt: skip
def test_who_is_preferred_holds_and_the_other_is_in_the_note(prefer, rows, files):
    (files / "b.csv").write_text(f"{HEAD}y,exclude,blurred\n")
    segue("review", "merge", "a.csv", "b.csv", "a.csv", "--prefer", prefer)
    assert (files / "a.csv").read_text() == HEAD + rows


def test_another_file_is_never_overwritten(files):
    (files / "out.csv").write_text("mine")
    assert "out.csv: is there already" in refusal("review", "merge", "a.csv", "b.csv", "out.csv")
    assert (files / "out.csv").read_text() == "mine"
