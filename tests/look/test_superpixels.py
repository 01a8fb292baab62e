"""Superpixels: each keeps to its colour and is in one piece."""

import numpy as np
import pytest

from pipeline.look import superpixels


def regions(made):
    """The place of the first pixel of each pixel's connected region: the slow, obvious way."""
    first = np.arange(made.size).reshape(made.shape)
    while True:
        before = first.copy()
        for one, other in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
            same = made[one] == made[other]
            least = np.minimum(first[one], first[other])
            first[one] = np.where(same, np.minimum(first[one], least), first[one])
            first[other] = np.where(same, np.minimum(first[other], least), first[other])
        if (before == first).all():
            return first


def halves(height=32, width=64, border=37):
    image = np.full((height, width, 3), 40, np.uint8)
    image[:, border:] = (200, 150, 90)
    return image


def test_none_lies_across_the_border_of_two_colours():
    found = regions(superpixels.of(halves(), 8))
    assert not {*found[:, :36].flat} & {*found[:, 38:].flat}  # the blurred columns may go to either


def test_about_as_many_as_asked_for_none_of_them_tiny():
    noise = np.random.default_rng(0).integers(0, 256, (48, 96, 3)).astype(np.uint8)
    for image in (halves(48, 96), noise):
        made = superpixels.of(image, 32)
        assert made.dtype == np.uint8
        assert made.max() < 16
        sizes = np.unique(regions(made), return_counts=True)[1]
        assert 16 <= len(sizes) <= 48
        assert sizes[1:].min() >= made.size // 32 // 4 - 8


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (5, 3)])
def test_an_image_of_any_shape_has_some(shape):
    image = np.zeros((*shape, 3), np.uint8)
    assert superpixels.of(image, 1000).shape == shape


def test_pixels_go_to_the_nearest_of_the_nine_cells_around():
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (12, 18, 3)).astype(np.float32)
    rows, columns = 3, 4
    cells = np.empty((12, 18), np.int32)
    superpixels._assign(image, rows, columns, cells)
    y, x = np.mgrid[:12, :18]
    home = y * rows // 12 * columns + x * columns // 18
    expected = home.copy()
    far = superpixels._COMPACT**2 * rows * columns / (12 * 18)
    for _ in range(superpixels._REPEATS):
        centres = {c: [np.mean(v[expected == c], axis=0) for v in (image, y, x)]
                   for c in np.unique(expected)}  # fmt: skip
        for i, j in np.ndindex(12, 18):
            near = [c for c in centres if abs(c // columns - home[i, j] // columns) <= 1
                    and abs(c % columns - home[i, j] % columns) <= 1]  # fmt: skip
            ways = [(i - centres[c][1]) ** 2 + (j - centres[c][2]) ** 2 for c in near]
            apart = [((image[i, j] - centres[c][0]) ** 2).sum() + far * way
                     for c, way in zip(near, ways, strict=True)]  # fmt: skip
            expected[i, j] = near[int(np.argmin(apart))]
    assert (cells == expected).mean() > 0.98  # float32 decides what is level
