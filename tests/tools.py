"""Labels as an annotation tool has them: a task of three classes, and items with every trap."""

import numpy as np

from pipeline.domain.taxonomy import IGNORE, Taxonomy
from pipeline.review.tasks import Task

SIZE = (23, 17)
CLASSES = Taxonomy(("soil", "crop & <weed>", "background"), ((9, 8, 7), (0, 0, 1), (255, 0, 0)))
TASK = Task("round-1", CLASSES, SIZE)


def labels():
    """By name: noise, nothing, one class alone, single pixels in the corners, long runs."""
    rng = np.random.default_rng(0)
    shape = SIZE[::-1]
    corners = np.full(shape, IGNORE, np.uint8)
    corners[0, 0], corners[-1, -1], corners[0, -1] = 0, 1, 2
    halves = np.zeros(shape, np.uint8)
    halves[9:] = 2
    return {
        "a__noise.1": rng.choice([0, 1, 2, IGNORE], shape).astype(np.uint8),
        "a__nothing": np.full(shape, IGNORE, np.uint8),
        "hütte": np.ones(shape, np.uint8),
        'it\'s "<corners>" & more': corners,
        "halves": halves,
    }
