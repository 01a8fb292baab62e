"""reports/corrections.csv: what corrections changed, by round and class."""

import pandas as pd

from pipeline.domain import artifacts
from pipeline.look import corrections
from tests.rounds import THREE

ROWS = [
    ("a", "soil", "soil", 10), ("a", "crop", "soil", 4), ("a", "", "soil", 3),
    ("a", "soil", "", 2), ("b", "soil", "crop", 5), ("b", "", "", 90), ("b", "soil", "soil", 1),
]  # fmt: skip
COLUMNS = ["image", "made", "corrected", "pixels"]


def test_classes_are_added_up_by_round(tmp_path):
    artifacts.write_table(tmp_path / "r1/corrected.csv", pd.DataFrame(columns=COLUMNS))
    artifacts.write_table(tmp_path / "r2/corrected.csv", pd.DataFrame(ROWS, columns=COLUMNS))
    found = corrections.read(tmp_path, ["r1", "r2"], THREE)
    assert list(found) == [
        "round", "class", "images", "pixels", "kept", "filled", "relabelled", "lost", "dropped"
    ]  # fmt: skip
    assert [*found.itertuples(index=False, name=None)] == [
        ("r2", "soil", 2, 18, 11, 3, 4, 5, 2), ("r2", "crop", 1, 5, 0, 0, 5, 4, 0)
    ]  # fmt: skip


def test_without_any_there_is_a_header(tmp_path):
    path = tmp_path / "corrections.csv"
    artifacts.write_table(path, corrections.read(tmp_path, [], THREE))
    header = "round,class,images,pixels,kept,filled,relabelled,lost,dropped\n"
    assert path.read_text() == header
