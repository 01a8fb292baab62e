"""Rare-class sampling of the source, against the softmax written out and by chi-square."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from pipeline.domain.augment import Augment
from pipeline.domain.draws import Draws
from pipeline.domain.sampling import RareClasses, SamplingParams
from pipeline.runtime.files import BadInput
from tests.memory import CLASSES, PLAIN, Memory

COUNTS = [(900, 100), (700, 250, 50), (1000,), (0, 990, 10), (500, 499, 1)]
"""Of five images: the last has too little of the last class, the fourth none of the first."""


def samples(counts=COUNTS):
    of = Memory(len(counts))
    return [replace(s, pixels=own) for s, own in zip(of.samples, counts, strict=True)]


def classes(temperature=0.1, image=0.0015, counts=COUNTS):
    given = SamplingParams(temperature=temperature, image=image)
    return RareClasses(given, samples(counts))


@pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0])
def test_chances_are_the_softmax_of_rarity(temperature):
    pixels = np.array([3100, 1839, 61]) / 5000
    expected = np.exp((1 - pixels) / temperature - 1 / temperature)
    np.testing.assert_allclose(classes(temperature).chances, expected / expected.sum(), rtol=1e-9)


def test_at_a_high_temperature_all_classes_are_alike():
    np.testing.assert_allclose(classes(1e6).chances, 1 / 3, rtol=1e-5)


def test_ten_thousand_draws_follow_the_chances():
    made = classes(0.5)
    drawn = [made.draw((0, 0, step, 0, 0, 0)) for step in range(10_000)]
    seen = Counter(c for c, _ in drawn)
    observed = [seen[c] for c in range(3)]
    assert stats.chisquare(observed, 10_000 * made.chances).pvalue > 0.01
    assert min(observed) > 100
    holders = {0: {0, 1, 2, 4}, 1: {0, 1, 3, 4}, 2: {1, 3}}
    for c, images in holders.items():
        own = Counter(i for wanted, i in drawn if wanted == c)
        assert {*own} == images
        assert stats.chisquare([*own.values()]).pvalue > 0.01


def test_a_class_that_no_image_holds_is_left_out():
    made = classes(image=0.06)
    assert made.chances[2] == 0
    assert made.chances.sum() == pytest.approx(1)
    assert {made.draw((0, 0, step, 0, 0, 0))[0] for step in range(200)} == {0, 1}


def test_an_index_without_counts_or_without_classes_is_refused():
    with pytest.raises(BadInput, match=r"does not count the classes of s/0\.png; run dvc repro"):
        RareClasses(SamplingParams(), Memory(3).samples)
    with pytest.raises(BadInput, match=r"sampling\.image = 0\.999: no source image.*lower it"):
        classes(image=0.999, counts=COUNTS[:2])


class Counted(Memory):
    """A memory whose index counts the classes of its labels."""

    def __init__(self, *given, **options):
        super().__init__(*given, **options)
        counts = [np.bincount(label.ravel(), minlength=CLASSES) for label in self.labels]
        self.samples = [replace(s, pixels=tuple(own.tolist()))
                        for s, own in zip(self.samples, counts, strict=True)]  # fmt: skip


CROP = PLAIN.model_copy(update={"crop_width": 12, "crop_height": 8})


def draws(rank=0, ranks=1, **given):
    sides = ([Counted(9), Counted(4, "x", seed=2)], 4), ([Memory(6, "t", seed=1)], 4), None
    params = SamplingParams(**given)
    return Draws(sides, Augment(CROP), 3, rank, ranks, sampling=params)


def test_members_take_turns_and_the_target_is_drawn_as_ever():
    plain = Draws(draws().sides, Augment(CROP), 3)
    for step in range(4):
        found, without = draws()[step], plain[step]
        assert [name[0] for name in found.source.names] == ["s", "x"] * 2
        assert found.source.origins.tolist() == [0, 1, 0, 1]
        assert found.target.names == without.target.names
        assert torch.equal(found.target.images, without.target.images)
    assert any(draws()[s].source.names != plain[s].source.names for s in range(4))


def wanted(of, step):
    return [of.classes[at % 2].draw((3, 0, step, at, 0, 0))[0] for at in range(4)]


def test_a_crop_is_drawn_anew_until_it_holds_enough():
    """With one try some crops lack the class they were drawn for; with many hardly one does."""
    lacking = {}
    for tries in (1, 10, 100):
        of = draws(crop=0.1, tries=tries)
        lacking[tries] = sum(
            (label == c).float().mean().item() <= 0.1
            for step in range(25)
            for label, c in zip(of[step].source.labels, wanted(of, step), strict=True)
        )
    assert lacking[1] > 20
    assert lacking[1] > 2 * lacking[10]
    assert lacking[100] == 0


def test_a_first_crop_that_holds_enough_is_the_one_without_sampling():
    of = draws(crop=0.0, tries=10)
    step = 2
    for at, name in enumerate(of[step].source.names):
        member = of.sides[0][0][at % 2]
        index = [s.image for s in member.samples].index(name)
        plain = of.augment(member.image(index), member.label(index), (3, 0, step, at))
        if (plain.label == wanted(of, step)[at]).any():
            assert torch.equal(of[step].source.images[at], plain.image)


def test_processes_and_restarts_draw_the_same():
    whole = draws()[5].source
    parts = [draws(rank, 2)[5].source for rank in range(2)]
    assert torch.equal(torch.cat([part.images for part in parts]), whole.images)
    assert parts[0].names + parts[1].names == whole.names
