"""Mosaics: panels in their places, under headings, above what their colours mean."""

import numpy as np
import pytest

from pipeline.domain.taxonomy import CITYSCAPES, Taxonomy
from pipeline.look.mosaics import mosaic

PANEL = np.zeros((16, 32, 3), np.uint8)


def made(rows=1, columns=4, classes=CITYSCAPES, **given):
    panels = [[PANEL + 10 * (i + j + 1) for j in range(columns)] for i in range(rows)]
    headings = given.pop("headings", ["a"] * columns)
    sheet = mosaic(panels, headings, [""] * rows, classes, **given)
    return np.asarray(sheet)


def colours(pixels):
    return {tuple(int(v) for v in pixel) for pixel in pixels.reshape(-1, 3)}


def test_each_class_has_its_colour_below_the_panels():
    sheet = made()
    below = sheet[22 + 160 + 4 :]
    assert {*CITYSCAPES.colours, (0, 0, 0)} <= colours(below)


def test_panels_are_where_they_were():
    sheet = made(rows=2, title="what it shows")
    for i in range(2):
        for j in range(4):
            top, left = 44 + i * 164, j * 324
            assert (sheet[top + 80, left + 160] == 10 * (i + j + 1)).all()


def test_a_title_and_headings_have_a_line_each():
    none = made(headings=["", ""], columns=2)
    assert len(made(columns=2)) == len(none) + 22
    assert len(made(columns=2, title="t")) == len(none) + 44


@pytest.mark.parametrize("columns", [1, 4])
def test_many_classes_take_more_lines_and_none_leaves_the_sheet(columns):
    many = Taxonomy(
        tuple(f"a class of a long name {n}" for n in range(60)),
        tuple((n, 255 - n, 7) for n in range(60)),
    )
    sheet = made(columns=columns, classes=many)
    assert {*many.colours} <= colours(sheet[22 + 160 :])
    assert (sheet[-1] == 255).all()
    assert (sheet[22 + 164 :, -1] == 255).all()
