"""Spatial priors against a loop over cells."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from pipeline.domain.taxonomy import IGNORE
from pipeline.runtime.files import BadInput
from pipeline.runtime.params import validate
from pipeline.stages import prior
from pipeline.stages.prior import Params


def run(params, source, classes):
    """The maps alone."""
    return prior.run(params, [source], classes).q


@dataclass
class Labels:
    """What `run` asks of a domain."""

    made: np.ndarray  # uint8 (n, height, width)

    def __post_init__(self):
        self.asked = []

    @property
    def size(self):
        return self.made.shape[:0:-1]

    def __len__(self):
        return len(self.made)

    def label(self, index, size=None):
        assert size in (None, self.size)
        self.asked.append(index)
        return self.made[index]


def world(seed, n, size, classes, ignored=0.2):
    """Labels (n, height, width), each class more often in columns of its own."""
    rng = np.random.default_rng(seed)
    made = rng.integers(0, classes, (n, *size))
    at = np.arange(size[1]) * classes // size[1]
    made = np.where(rng.random(made.shape) < 0.5, at, made)
    return np.where(rng.random(made.shape) < ignored, IGNORE, made).astype(np.uint8)


def shares(labels, stride, classes):
    """float64 (C, rows, columns), cell by cell."""
    _, height, width = labels.shape
    rows, columns = (height + stride - 1) // stride, (width + stride - 1) // stride
    q = np.empty((classes, rows, columns))
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            cell = labels[:, top : top + stride, left : left + stride]
            seen = [(cell == c).sum() for c in range(classes)]
            q[:, row, column] = np.array(seen) / sum(seen) if sum(seen) else 1 / classes
    return q


CASES = [
    (1, (1, 1), 8, 2),
    (2, (7, 5), 16, 3),  # a cell larger than the image
    (3, (24, 32), 8, 5),
    (3, (25, 31), 8, 5),
    (2, (13, 9), 1, 2),
    (2, (17, 40), 3, 19),
]


@pytest.mark.parametrize(("n", "size", "stride", "classes"), CASES)
@pytest.mark.parametrize("sigma", [0.0, 0.7, 3.0])
def test_q_is_the_smoothed_share_of_labels_in_a_cell(n, size, stride, classes, sigma):
    labels = world(n, n, size, classes)
    q = run(Params(stride=stride, sigma=sigma, floor=1e-6), Labels(labels), classes)
    expected = shares(labels, stride, classes)
    for c in range(classes if sigma else 0):  # each class by itself, down and then along
        down = gaussian_filter1d(expected[c], sigma, axis=0, mode="nearest")
        expected[c] = gaussian_filter1d(down, sigma, axis=1, mode="nearest")
    assert (q.shape, q.dtype) == (expected.shape, np.float32)
    assert q.shape == (classes, -(-size[0] // stride), -(-size[1] // stride))
    np.testing.assert_allclose(q, np.clip(expected, 1e-6, 1), rtol=1e-6)


def test_the_smoothing_is_scipys_in_cells_and_not_across_classes():
    labels = world(4, 3, (30, 50), 4)
    q = run(Params(stride=5, sigma=1.5, floor=1e-6), Labels(labels), 4)
    for c, share in enumerate(shares(labels, 5, 4)):
        np.testing.assert_allclose(q[c], gaussian_filter(share, 1.5, mode="nearest"), rtol=1e-6)
    np.testing.assert_allclose(q.sum(0), 1, rtol=1e-5)


@pytest.mark.parametrize("floor", [1e-4, 0.3])
def test_nothing_is_below_the_floor_or_above_one(floor):
    labels = np.zeros((2, 16, 16), np.uint8)
    q = run(Params(floor=floor), Labels(labels), 3)
    assert (q[0] == 1).all()
    assert (q[1:] == np.float32(floor)).all()


def test_ignored_pixels_do_not_count():
    labels = np.full((2, 8, 8), IGNORE, np.uint8)
    labels[0, 0, :3], labels[1, 5, 5] = 1, 0
    q = run(Params(stride=8, sigma=0), Labels(labels), 2)
    np.testing.assert_allclose(q[:, 0, 0], [0.25, 0.75])


def test_a_cell_without_labels_counts_each_class_alike():
    labels = np.zeros((2, 8, 16), np.uint8)
    labels[:, :, 8:] = IGNORE
    q = run(Params(stride=8, sigma=0), Labels(labels), 5)
    np.testing.assert_allclose(q[:, 0, 0], [1, *[1e-4] * 4], rtol=1e-6)
    np.testing.assert_allclose(q[:, 0, 1], 0.2, rtol=1e-6)
    nothing = run(Params(stride=8), Labels(np.full((1, 20, 20), IGNORE, np.uint8)), 4)
    np.testing.assert_allclose(nothing, 0.25, rtol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 5, 12])
@pytest.mark.parametrize("images", [None, 1, 2, 3, 7, 12, 100])
def test_images_limits_how_many_are_read(n, images):
    source = Labels(world(5, n, (6, 6), 3))
    q = run(Params(stride=3, sigma=0, images=images), source, 3)
    assert len(source.asked) == len(set(source.asked)) == min(n, images or n)
    if images is None or images >= 2:
        assert {0, n - 1} <= set(source.asked)  # evenly: from the first to the last
    gaps = np.diff(source.asked)
    assert gaps.size == 0 or gaps.max() - gaps.min() <= 1
    expected = shares(source.made[source.asked], 3, 3)
    np.testing.assert_allclose(q, np.clip(expected, 1e-4, 1), rtol=1e-6)


def test_it_is_deterministic_and_no_order_of_images_changes_it():
    labels = world(6, 5, (33, 47), 6)
    given = labels.copy()
    one, two, turned = (run(Params(), Labels(m), 6) for m in (labels, labels, labels[::-1]))
    assert np.array_equal(one, two)
    assert np.array_equal(one, turned)
    assert np.array_equal(labels, given)


def test_a_domain_on_disk_is_read_at_its_working_size(scenes):
    source = scenes(3, classes=3, size=(20, 12))
    labels = np.stack([source.label(i) for i in range(3)])
    assert labels.shape == (3, 12, 20)
    q = run(Params(stride=7, sigma=0), source, 3)
    np.testing.assert_allclose(q, np.clip(shares(labels, 7, 3), 1e-4, 1), rtol=1e-6)


@pytest.mark.parametrize(
    "values", [{"stride": 0}, {"sigma": -1}, {"floor": 0}, {"floor": 1}, {"images": 0}]
)
def test_values_that_make_no_prior_are_refused(values):
    with pytest.raises(BadInput, match=f"prior.{next(iter(values))}"):
        validate(Params, values, "params.yaml: prior")


def test_shares_are_of_each_images_labelled_pixels():
    labels = world(3, 4, (9, 14), 5)
    labels[2] = IGNORE
    found = prior.run(Params(), [Labels(labels)], 5).shares
    assert (found.shape, found.dtype) == ((4, 5), np.float32)
    for label, row in zip(labels, found, strict=True):
        seen = [int((label == c).sum()) for c in range(5)]
        np.testing.assert_allclose(row, np.array(seen) / max(sum(seen), 1), rtol=1e-6)
    assert prior.run(Params(images=2), [Labels(labels)], 5).shares.shape == (2, 5)


def test_of_several_sources_each_counts_alike_whatever_its_number_of_images():
    one, other = world(4, 6, (9, 14), 3), world(5, 2, (9, 14), 3)
    params = Params(stride=4, sigma=0)
    found = prior.run(params, [Labels(one), Labels(other)], 3)
    repeated = np.concatenate([one, other, other, other])  # so that both have six
    np.testing.assert_allclose(found.q, run(params, Labels(repeated), 3), rtol=1e-6)
    assert not np.allclose(found.q, run(params, Labels(np.concatenate([one, other])), 3), rtol=1e-3)
    assert found.shares.shape == (8, 3)
