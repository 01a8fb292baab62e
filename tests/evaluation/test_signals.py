"""Signals without labels against loops, and what they say of simple models."""

import math

import numpy as np
import pytest
import torch

from pipeline.evaluation import signals

CLASSES = 4


def grids(n=3, scale=3.0, size=(5, 7), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [scale * torch.randn(CLASSES, *size, generator=generator) for _ in range(n)]


def softmax(grid):
    e = np.exp(grid.double().numpy() - grid.double().numpy().max(0))
    return (e / e.sum(0)).reshape(CLASSES, -1).T


def entropy(p):
    return -sum(x * math.log(x) for x in p if x > 0)


def test_entropy_and_information_equal_loops():
    given = grids()
    rows = np.concatenate([softmax(grid) for grid in given])
    found = signals.signals(given, len(given))
    mean = np.mean([entropy(p) for p in rows]) / math.log(CLASSES)
    assert found["entropy"] == pytest.approx(mean, abs=1e-6)
    whole = entropy(rows.mean(0)) / math.log(CLASSES)
    assert found["information"] == pytest.approx(whole - mean, abs=1e-6)


def test_neighbourhood_density_equals_loops():
    p = np.concatenate([softmax(grid) for grid in grids(1)])
    unit = p / np.linalg.norm(p, axis=1, keepdims=True)
    each = []
    for i in range(len(p)):
        similar = [float(unit[i] @ unit[j]) / 0.05 for j in range(len(p)) if j != i]
        weights = np.exp(np.array(similar) - max(similar))
        each.append(entropy(weights / weights.sum()))
    found = signals.neighbourhood(torch.from_numpy(p))
    assert found == pytest.approx(np.mean(each))
    # so few cells are all sampled, whatever the draw
    assert signals.signals(grids(1), 1)["neighbourhood"] == pytest.approx(np.mean(each), abs=1e-6)


def density_of_an_image(rows):
    """SND pair by pair, each row a neighbour of itself."""
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    each = []
    for one in unit:
        weights = [math.exp(sum(a * b for a, b in zip(one, other, strict=True)) / 0.05)
                   for other in unit]  # fmt: skip
        each.append(entropy([weight / sum(weights) for weight in weights]))
    return np.mean(each)


def test_neighbourhood_density_of_images_equals_loops():
    given = grids(3)  # of 35 cells, all of which are compared
    expected = np.mean([density_of_an_image(softmax(grid)) for grid in given])
    found = signals.signals(given, len(given))
    assert found["neighbourhood_image"] == pytest.approx(expected, abs=1e-6)
    assert found["neighbourhood_image"] != found["neighbourhood"]


def test_a_hundred_cells_of_each_image_are_neighbours_and_none_of_another():
    one, other = (one_hot([c] * 300) for c in (1, 2))
    found = signals.signals([one, other], 2)
    assert found["neighbourhood_image"] == pytest.approx(math.log(100))
    half = signals.signals([one_hot([1] * 60 + [2] * 40)], 1)  # no cell is left out
    expected = 0.6 * math.log(60) + 0.4 * math.log(40)
    assert half["neighbourhood_image"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("n", [1, 3])
def test_the_sample_of_all_images_is_drawn_as_if_there_were_no_other(n):
    given, rng = grids(n, size=(60, 60)), np.random.default_rng(0)
    each = -(-2048 // n)
    rows = [softmax(grid)[rng.choice(3600, each, replace=False)] for grid in given]
    expected = signals.neighbourhood(torch.from_numpy(np.concatenate(rows)[:2048]))
    assert signals.signals(given, n)["neighbourhood"] == pytest.approx(expected, abs=1e-6)


def one_hot(classes):
    grid = torch.full((CLASSES, 1, len(classes)), -50.0)
    grid[classes, 0, range(len(classes))] = 50.0
    return grid


def test_a_sure_and_balanced_model_has_all_information():
    found = signals.signals([one_hot([0, 1, 2, 3] * 3)], 1)
    assert found["entropy"] == pytest.approx(0, abs=1e-6)
    assert found["information"] == pytest.approx(1)
    assert found["neighbourhood"] == pytest.approx(math.log(2), abs=1e-4)  # two others alike


def test_only_information_sees_a_model_of_one_class():
    found = signals.signals([one_hot([2] * 12)], 1)
    assert found["entropy"] == found["information"] == 0
    assert found["neighbourhood"] == pytest.approx(math.log(11))


def test_a_model_that_knows_nothing():
    found = signals.signals([torch.zeros(CLASSES, 3, 3)], 1)
    assert found["entropy"] == pytest.approx(1)
    assert found["information"] == pytest.approx(0)


def test_the_sample_is_drawn_by_the_seed_alone():
    given = grids(2, size=(60, 60))
    one, two = (signals.signals(iter(given), 2) for _ in range(2))
    assert one == two
    other = signals.signals(given, 2, seed=1)
    for name in ("neighbourhood", "neighbourhood_image"):
        assert other[name] != one[name]
    assert other["entropy"] == one["entropy"]
