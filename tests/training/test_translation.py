"""What translators add up, against slow loops."""

import math

import numpy as np
import pytest
import torch

from pipeline.domain.taxonomy import IGNORE
from pipeline.model.outputs import Outputs
from pipeline.sections.train_translator import Params
from pipeline.sections.training import Optimiser
from pipeline.training import optimiser, translation
from tests import memory, trained
from tests.references import upsample

CLASSES = 3


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def images(n=2, height=12, width=16):
    return torch.rand(n, 3, height, width) * 2 - 1


def labels(n=2, height=12, width=16):
    found = torch.randint(0, CLASSES, (n, height, width))
    found[0, :4] = IGNORE
    return found


def test_images_go_to_the_generators_range_and_back():
    found = torch.randint(0, 256, (1, 3, 4, 5), dtype=torch.uint8)
    assert translation.scaled(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1, 1]
    torch.testing.assert_close(translation.pixels(translation.scaled(found)), found.float())


def test_apart_is_a_mean_of_absolute_differences():
    one, other = images(), images()
    expected = sum(
        abs(a - b) for a, b in zip(one.flatten().tolist(), other.flatten().tolist(), strict=True)
    )
    assert translation.apart(one, other).item() == pytest.approx(expected / one.numel(), rel=1e-5)


class PerPixel(torch.nn.Module):
    """Logits of half the size, of the mean of a square's colours; remembers what it was given."""

    def forward(self, given):
        self.given = given
        small = torch.nn.functional.avg_pool2d(given, 2)
        return Outputs(torch.cat([small / 60, -small[:, :1] / 60], 1)[:, :CLASSES])


def full(model, made):
    """Its logits at each pixel, float64 (N, C, H, W)."""
    with torch.no_grad():
        logits = model(translation.pixels(made)).logits.numpy()
    return np.stack([upsample(grid, *made.shape[2:]) for grid in logits])


def test_semantic_is_a_models_cross_entropy_and_leaves_labels_alone():
    model, made, given = PerPixel(), images().requires_grad_(), labels()
    before = given.clone()
    found = translation.semantic(model, made, given)
    assert torch.equal(given, before)
    assert (given == IGNORE).any()
    assert model.given.min() >= 0
    assert model.given.max() <= 255
    logits = full(model, made)
    total, pixels = 0.0, 0
    for n, i, j in (given != IGNORE).nonzero().tolist():
        scores = logits[n, :, i, j]
        total += math.log(sum(math.exp(s) for s in scores)) - scores[given[n, i, j]]
        pixels += 1
    assert found.item() == pytest.approx(total / pixels, rel=1e-4)
    found.backward()
    assert made.grad.any()


def test_a_models_own_labels_are_those_that_it_is_sure_of():
    model, given = PerPixel(), images()
    every, sure = translation.predicted(model, given), translation.predicted(model, given, 0.6)
    p = torch.from_numpy(full(model, given)).softmax(1)
    assert torch.equal(every, p.argmax(1))
    assert torch.equal(sure, torch.where(p.amax(1) >= 0.6, p.argmax(1), IGNORE))
    assert {True, False} == {*(sure == IGNORE).flatten().tolist()}


def test_perceptual_is_of_logits_that_are_normalised_map_by_map():
    model, made, given = PerPixel(), images(), images()
    one, other = (model(translation.pixels(x)).logits for x in (made, given))
    total = 0.0
    for n in range(2):
        for c in range(CLASSES):
            a, b = ((x[n, c] - x[n, c].mean()) / (x[n, c].var(correction=0) + 1e-5).sqrt()
                    for x in (one, other))  # fmt: skip
            total += (a - b).square().sum().item()
    found = translation.perceptual(model, made, given)
    assert found.item() == pytest.approx(total / one.numel(), rel=1e-4)
    assert translation.perceptual(model, given, given).item() == 0


def test_content_is_the_variance_of_the_difference_in_each_class():
    """The paper's formula, of each class, image and channel, weighed by its pixels."""
    made, given, known = images(), images(), labels()
    total, pixels = 0.0, int((known != IGNORE).sum())
    for n in range(2):
        for c in range(CLASSES):
            mask = known[n] == c
            k = int(mask.sum())
            for channel in range(3):
                d = (made - given)[n, channel][mask]
                total += k * float((d @ d) / k - d.sum() ** 2 / k**2)
    found = translation.content(made, given, known, CLASSES)
    assert found.item() == pytest.approx(total / (3 * pixels), rel=1e-4)


def test_a_class_may_darken_as_a_whole_and_not_in_parts():
    given, known = images(), labels()
    shift = torch.randn(2, 3, CLASSES + 1)
    at = torch.where(known == IGNORE, CLASSES, known).flatten(1)[:, None].expand(-1, 3, -1)
    darker = given + shift.gather(2, at).reshape(given.shape)
    assert translation.content(darker, given, known, CLASSES).item() == pytest.approx(0, abs=1e-5)
    darker[:, :, 6:] += 0.5
    assert translation.content(darker, given, known, CLASSES).item() > 0.02
    assert translation.content(given + 9, given, torch.full_like(known, IGNORE), CLASSES) == 0


def test_patch_nce_against_a_loop_over_places():
    queries, keys = (torch.nn.functional.normalize(torch.randn(2, 5, 8), dim=2) for _ in range(2))
    total = 0.0
    for n in range(2):
        for p in range(5):
            scores = [float(queries[n, p] @ keys[n, q]) / 0.07 for q in range(5)]
            most = max(scores)
            total += most + math.log(sum(math.exp(s - most) for s in scores)) - scores[p]
    found = translation.patch_nce(queries, keys, 0.07)
    assert found.item() == pytest.approx(total / 10, rel=1e-4)
    assert translation.patch_nce(keys, keys, 0.07) < found


def test_what_is_drawn_of_a_sample_is_by_its_key_and_keys_differ():
    given = trained.batch()
    draw = lambda by: torch.rand(4, generator=by)  # noqa: E731
    found = translation.drawn(given.source, draw)
    assert torch.equal(found, translation.drawn(given.source, draw))
    turned = given.source._replace(keys=given.source.keys.flip(0))
    assert torch.equal(translation.drawn(turned, draw), found.flip(0))
    everything = [*given.source.keys.tolist(), *given.target.keys.tolist()]
    assert len({*everything}) == len(everything) == 4
    assert not torch.equal(found[0], found[1])


def test_the_rate_stays_and_then_falls_to_nothing():
    params = Optimiser(lr=1.0, power=1.0, constant=0.5)
    rates = [optimiser.rate(params, step, 10) for step in range(10)]
    assert rates == pytest.approx([1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])


def test_what_is_not_given_of_a_translators_optimisers_is_cyclegans():
    given = {"translator": "cyclegan", "segmenter": "none", "seed": 0, "steps": 5}
    made = Params(**given, augment=memory.PLAIN, optimiser={"lr": 1e-3}, discriminator={"lr": 1e-5})
    for found, rate in ((made.optimiser, 1e-3), (made.discriminator, 1e-5)):
        told = (found.name, found.lr, found.momentum, found.second, found.weight_decay)
        assert told == ("adam", rate, 0.5, 0.999, 0.0)
        assert (found.power, found.constant) == (1.0, 0.5)
    assert made.batch == 1
