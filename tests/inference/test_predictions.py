"""Logits on disk: what is written is read back, in files that follow from the index alone."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.inference import predictions
from pipeline.inference.predictions import Prediction, Predictions
from pipeline.runtime.files import BadInput


def made(n, seed=0):
    rng = np.random.default_rng(seed)
    for index in range(n):
        logits = rng.normal(size=(5, 3, 4 + index % 2)).astype(np.float16)
        window = (-0.1 * (index % 3), 0.0, 1 / 3 + index, 1.0)
        flips = ([index, 0, 3, 4, 5], [0, 0, 1, 0, index]) if index % 2 else None
        yield Prediction(f"i/{index}.png", 24, 32 + 8 * (index % 2), logits, window, flips)


def store(folder, found, count):
    predictions.write(folder, predictions.files(count), found)


@pytest.mark.parametrize(("n", "files"), [(1, 1), (32, 1), (33, 2), (70, 3)])
def test_predictions_come_back_in_order_and_in_files_by_index(n, files, tmp_path):
    store(tmp_path / "p", made(n), n)
    names = sorted(path.name for path in (tmp_path / "p").iterdir())
    assert names == [f"{index:05d}.parquet" for index in range(files)]
    read = Predictions(tmp_path / "p")
    assert len(read) == n
    for written, found in zip(made(n), read, strict=True):
        assert (found.image, found.height, found.width) == (
            written.image, written.height, written.width,
        )  # fmt: skip
        assert found.logits.dtype == np.float16
        assert np.array_equal(found.logits, written.logits)
        assert found.window == written.window
        assert found.flips == written.flips


def test_one_image_is_one_row_group_and_can_be_read_alone(tmp_path):
    store(tmp_path / "p", made(34), 34)
    assert pq.read_metadata(tmp_path / "p/00000.parquet").num_row_groups == 32
    wanted = [*made(34)][33]
    assert np.array_equal(Predictions(tmp_path / "p")[33].logits, wanted.logits)


def test_the_first_file_does_not_depend_on_how_many_follow(tmp_path):
    for n in (32, 50):
        store(tmp_path / str(n), made(n), n)
    first = [(tmp_path / str(n) / "00000.parquet").read_bytes() for n in (32, 50)]
    assert first[0] == first[1]


def test_predictions_that_stop_halfway_leave_no_file_that_would_be_read(tmp_path):
    def failing():
        yield from made(40)
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        store(tmp_path / "p", failing(), 70)
    assert len(Predictions(tmp_path / "p")) == 32


def test_no_predictions_are_refused_by_folder(tmp_path):
    with pytest.raises(BadInput, match="p: holds no predictions"):
        Predictions(tmp_path / "p")


def test_predictions_of_other_images_are_refused(tmp_path):
    store(tmp_path / "p", made(40), 40)
    found, names = Predictions(tmp_path / "p"), [f"i/{index}.png" for index in range(40)]
    found.check_images(names)
    for other in (names[:-1], names[::-1], [*names[:-1], "x.png"]):
        with pytest.raises(BadInput, match=r"not the target's \d+, or in another order"):
            found.check_images(other)
