"""CIELAB against its formulas, and what is done in it."""

import numpy as np
import pytest

from pipeline.translation import colour
from pipeline.translation.cielab import Lab
from tests import colours

EVERY = np.stack(np.meshgrid(*[np.arange(0, 256, 5)] * 3, indexing="ij"), -1).reshape(52, -1, 3)
EVERY = EVERY.astype(np.uint8)
SAME = np.eye(3), np.zeros(3)


@pytest.mark.parametrize(("rgb", "lab"), colours.GOLDEN.items())
def test_known_colours(rgb, lab):
    found = Lab(np.array([[rgb]], np.uint8)).values[0]
    assert np.abs(found - lab).max() < 0.02


def test_every_colour_against_the_formulas_and_back():
    lab = Lab(EVERY)
    assert np.abs(lab.values - colours.to_lab(EVERY).reshape(-1, 3)).max() < 0.005
    assert np.array_equal(lab.affine(*SAME), EVERY)
    bins = colour.LOW[:, None] + colour.STEP[:, None] * np.arange(colour.BINS)
    assert np.array_equal(lab.tabled(bins), EVERY)


def test_it_says_how_colours_are_spread():
    image = colours.photo(0)
    values = colours.to_lab(image).reshape(-1, 3)
    lab = Lab(image)
    assert np.abs(lab.mean - values.mean(0)).max() < 1e-3
    assert np.abs(lab.covariance - np.cov(values.T, bias=True)).max() < 1e-2
    assert np.abs(lab.deviation - values.std(0)).max() < 1e-3
    counts = lab.histograms()
    assert counts.sum(1).tolist() == [len(values)] * 3
    centres = colour.LOW[:, None] + colour.STEP[:, None] * np.arange(colour.BINS)
    assert np.abs((counts * centres).sum(1) / len(values) - values.mean(0)).max() < 0.1


def test_only_the_pixels_inside_count_and_change():
    image = colours.photo(1)
    inside = np.zeros(image.shape[:2], bool)
    inside[5:20, 7:30] = True
    lab, cut = Lab(image, inside), Lab(image[5:20, 7:30])
    assert np.allclose(lab.mean, cut.mean)
    assert np.allclose(lab.covariance, cut.covariance)
    assert np.array_equal(lab.histograms(), cut.histograms())
    darker = np.eye(3) * 0.5, np.zeros(3)
    assert np.array_equal(lab.affine(*darker)[5:20, 7:30], cut.affine(*darker))
    assert np.array_equal(lab.affine(*darker)[~inside], image[~inside])
    table = np.zeros((3, colour.BINS))
    assert (lab.tabled(table)[inside] == 0).all()
    assert np.array_equal(lab.tabled(table)[~inside], image[~inside])


def test_of_a_region_without_a_pixel_all_count():
    image = colours.photo(2)
    nothing = np.zeros(image.shape[:2], bool)
    assert np.array_equal(Lab(image, nothing).mean, Lab(image).mean)


def test_colours_beyond_the_screens_are_cut_off_channel_by_channel():
    image = colours.photo(3)
    twice = np.eye(3) * 3.0, np.array([-60.0, 20, -30])
    expected = colours.to_rgb(colours.to_lab(image) @ twice[0] + twice[1])
    found = Lab(image).affine(*twice)
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert {0, 255} <= {*np.unique(found)}


def test_a_flat_image_deviates_by_nothing():
    lab = Lab(np.full((9, 9, 3), 87, np.uint8))
    assert lab.deviation.max() < 1e-3


def test_what_is_no_number_becomes_black_and_reads_nothing_beyond_a_table():
    lab = Lab(colours.photo(4))
    for value in (np.nan, np.inf, -np.inf, 1e30):
        found = lab.affine(np.full((3, 3), value), np.zeros(3))
        assert found.dtype == np.uint8
    assert (lab.affine(np.full((3, 3), np.nan), np.zeros(3)) == 0).all()
    lab.values[:] = np.nan
    lab.tabled(np.ones((3, colour.BINS)))
