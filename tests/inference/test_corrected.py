"""What corrections changed, pixel by pixel."""

from collections import Counter

import numpy as np

from pipeline.domain.taxonomy import IGNORE
from pipeline.inference import corrected
from tests.rounds import THREE

NAMES = (*THREE.names, "")


def label(seed):
    drawn = np.random.default_rng(seed).choice([0, 1, 2, IGNORE], (11, 9))
    return drawn.astype(np.uint8)


def name(value):
    return NAMES[value if value != IGNORE else -1]


def test_pixels_are_those_of_counting():
    both = {f"i{n}": (label(n), label(n + 9)) for n in range(3)}
    found = {image: corrected.pairs(*two, 3) for image, two in both.items()}
    rows = corrected.table(found, THREE).itertuples(index=False, name=None)
    expected = Counter(
        (image, name(one), name(other))
        for image, two in both.items()
        for one, other in zip(*(each.ravel().tolist() for each in two), strict=True)
    )
    assert {row[:3]: row[3] for row in rows} == expected


def test_without_corrections_there_is_a_table_without_rows():
    table = corrected.table({}, THREE)
    assert list(table) == ["image", "made", "corrected", "pixels"]
    assert not len(table)
