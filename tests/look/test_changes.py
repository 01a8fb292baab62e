"""What a round predicts otherwise than the one before, against plain counting."""

import numpy as np
import pytest

from pipeline.look import changes, maps
from tests.rounds import THREE

SIZE = (12, 8)
TEACHERS = {"r1": "s", "r2": "r1", "r1-b": "r1", "r0": "s"}
PARAMS = {"pretrain": {"s": {}}, "rounds": {name: {"teacher": of} for name, of in TEACHERS.items()}}


@pytest.fixture
def look(tmp_path):
    """Three images in each round; the last class is never predicted."""
    rng, found = np.random.default_rng(0), {}
    for name in PARAMS["rounds"]:
        for index in range(3):
            planes = {"predicted": rng.integers(0, 2, SIZE[::-1]).astype(np.uint8)}
            found[name, index] = planes["predicted"]
            maps.write(maps.file(tmp_path / name / "maps", index), name, index, planes)
    return tmp_path, found


def test_classes_and_images_are_counted_by_round(look):
    folder, found = look
    counts = changes.of_rounds(PARAMS, folder, SIZE, 3)
    assert [*counts] == ["r2", "r1-b"]  # those that have a round before them
    rows = changes.table(counts, ["a", "b", "c"], THREE.names)
    assert len(rows) == 2 * 3 * 4
    for row in rows.itertuples():
        index = "abc".index(row.image)
        before, now = found["r1", index], found[row.round, index]
        of_class = rows["class"].cat.categories.get_loc(row[3])
        own = np.ones_like(now, bool) if row[3] == "" else now == of_class
        assert row.predicted == own.sum()
        share = (before != now)[own].mean() if own.any() else np.nan
        assert row.changed == pytest.approx(share, nan_ok=True, abs=1e-6)
    for name, of in counts.items():
        shares = [(found["r1", n] != found[name, n]).mean() for n in range(3)]
        assert changes.shares(of) == pytest.approx(shares, abs=1e-4)


def test_without_a_round_before_there_is_a_table_without_rows(tmp_path):
    one = {**PARAMS, "rounds": {"r1": {"teacher": "s"}}}
    counts = changes.of_rounds(one, tmp_path, SIZE, 3)
    assert counts == {}
    table = changes.table(counts, ["a"], THREE.names)
    assert list(table) == ["round", "image", "class", "predicted", "changed"]
    assert not len(table)
