"""The fitted file of a translator, and which reference an image gets."""

import tracemalloc

import numpy as np
import pytest

from pipeline.runtime.files import BadInput
from pipeline.translation import references


def rows(count, length=7, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(0, 50, length).astype(np.float32) for _ in range(count))


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "translators/x.npy"
    references.write(path, rows(5), 5)
    assert np.array_equal(references.read(path), np.stack([*rows(5)]))
    first = path.read_bytes()
    references.write(path, rows(5), 5)
    assert path.read_bytes() == first
    assert [p.name for p in path.parent.iterdir()] == ["x.npy"]


def test_a_row_that_is_not_finite_leaves_what_was_there(tmp_path):
    path = tmp_path / "x.npy"
    references.write(path, rows(2), 2)
    before = path.read_bytes()
    with pytest.raises(BadInput, match=r"x\.npy: not written: row 1 has numbers .* not finite"):
        references.write(path, [np.ones(3, np.float32), np.full(3, np.nan, np.float32)], 2)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "other",
    [np.ones((2, 3)), *(np.ones(shape, np.float32) for shape in ((), (3,), (0, 3), (2, 3, 4)))],
)
def test_any_other_file_is_refused(other, tmp_path):
    np.save(tmp_path / "x.npy", other)
    with pytest.raises(BadInput, match=r"x\.npy: cannot be read as a fitted translator"):
        references.read(tmp_path / "x.npy")


def test_a_file_that_is_cut_is_refused(tmp_path):
    path = tmp_path / "x.npy"
    references.write(path, rows(3), 3)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(BadInput, match="run dvc repro"):
        references.read(path)


def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    peaks = []
    for count in (20, 400):
        tracemalloc.start()
        references.write(tmp_path / "x.npy", rows(count, 20_000), count)
        found = references.read(tmp_path / "x.npy")
        assert np.allclose(references.mean(found), np.mean(found, 0), atol=1e-3)
        del found
        tracemalloc.stop()
        tracemalloc.start()
        references.write(tmp_path / "x.npy", rows(count, 20_000), count)
        references.mean(iter(references.read(tmp_path / "x.npy")))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_a_reference_is_of_seed_name_and_copy_alone():
    draws = [references.drawn(1, f"images/{n}.png", 1, 50) for n in range(400)]
    assert draws == [references.drawn(1, f"images/{n}.png", 1, 50) for n in range(400)]
    assert len({*draws}) == 50
    assert np.bincount(draws).max() < 25
    for other in ([references.drawn(2, f"images/{n}.png", 1, 50) for n in range(400)],
                  [references.drawn(1, f"images/{n}.png", 2, 50) for n in range(400)]):  # fmt: skip
        assert 0 < sum(a == b for a, b in zip(draws, other, strict=True)) < 40
    assert references.drawn(1, "x", 1, 1) == 0
