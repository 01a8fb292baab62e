"""Tables in parts: whole images, in their order, or an error that names the file."""

import re

import numpy as np
import pandas as pd
import pytest

from pipeline.domain import artifacts, tables
from pipeline.runtime.files import BadInput

CLASSES = ("soil", "crop", "weed")
IMAGES = [f"b/{i}.png" for i in (4, 1, 3, 0, 2)]


def table():
    """Counts of each image and class."""
    rows = len(IMAGES) * len(CLASSES)
    return pd.DataFrame({
        "image": np.repeat(IMAGES, len(CLASSES)), "class": [*CLASSES] * len(IMAGES),
        "kept": np.arange(rows), "share": np.random.default_rng(0).random(rows),
    })  # fmt: skip


@pytest.mark.parametrize("rows", [3, 7, 1 << 20])
def test_a_table_in_parts_is_the_table(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROWS", rows)
    path, whole = tmp_path / "t.parquet", table()
    with tables.in_parts(path) as add:
        add(whole[:6])
        add(whole[6:])
    parts = [*tables.by_image(path, CLASSES, "kept", images=IMAGES)]
    assert [len(part) for part in parts] == {3: [3] * 5, 7: [6, 6, 3], 1 << 20: [15]}[rows]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole)


def swapped(whole):
    order = np.arange(len(whole))
    order[[1, 2]] = 2, 1
    return whole.iloc[order]


@pytest.mark.parametrize(("change", "images", "reason"), [
    (lambda t: t.drop(columns="kept"), None, "it has no column 'kept'"),
    (lambda t: t[:0], None, "its classes are not the 3 of the task, a row each"),
    (lambda t: t[:-1], None, "its classes are not the 3 of the task, a row each"),
    (swapped, None, "its classes are not the 3 of the task, a row each"),
    (lambda t: t.assign(image=[*t["image"][1:], "c"]), None, "its classes are not the 3"),
    (lambda t: t, IMAGES[:-1], "its images are not the target's"),
    (lambda t: t, [*IMAGES, "c"], "its images are not the target's"),
    (lambda t: t, sorted(IMAGES), "its images are not the target's, or in another order"),
])  # fmt: skip
def test_another_table_is_refused(change, images, reason, tmp_path):
    path = tmp_path / "t.parquet"
    artifacts.write_table(path, change(table()))
    with pytest.raises(BadInput, match=rf"{re.escape(str(path))}: .*\({reason}.*run dvc repro"):
        list(tables.by_image(path, CLASSES, "kept", images=images))


def test_values_by_image_are_in_the_order_asked_for():
    whole = table()
    order = [*sorted(IMAGES), "absent"]
    found = tables.of_images([whole[:6], whole[6:]], order, "kept", "share")
    for column in ("kept", "share"):
        for image, row in zip(order[:-1], found[column], strict=False):
            assert row.tolist() == whole[whole["image"] == image][column].tolist()
        assert np.isnan(found[column][-1]).all()
