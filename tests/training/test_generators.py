"""Generators, what is built of them, and the discriminator of patches."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pipeline.training.directions import CODES, Coded, Contrasted, Pair, Single
from pipeline.training.discriminators import PatchDiscriminator
from pipeline.training.generators import Generator, Networks
from pipeline.training.translation import cells

TINY = Networks(width=4, blocks=2, discriminator=4)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def count(module):
    return sum(p.numel() for p in module.parameters())


def convolution(before, after, kernel):
    return before * after * kernel**2 + after


def test_parameters_are_those_of_the_papers_layers():
    """Millions, by hand: 0.35 and 1.97 of generators, 0.18 of a discriminator."""
    for width, blocks, known in ((16, 4, 0.35), (32, 6, 1.97), (64, 9, 11.38)):
        w = width
        expected = convolution(3, w, 7) + convolution(w, 2 * w, 3) + convolution(2 * w, 4 * w, 3)
        expected += 2 * blocks * convolution(4 * w, 4 * w, 3)
        expected += convolution(4 * w, 2 * w, 3) + convolution(2 * w, w, 3) + convolution(w, 3, 7)
        found = count(Generator(width, blocks))
        assert found == expected
        assert round(found / 1e6, 2) == known
    expected = sum(
        convolution(a, b, 4) for a, b in ((3, 16), (16, 32), (32, 64), (64, 128), (128, 1))
    )
    assert count(PatchDiscriminator(16)) == expected == 175_089
    two = sum(convolution(a, b, 4) for a, b in ((3, 16), (16, 32), (32, 64), (64, 5)))
    assert count(PatchDiscriminator(16, 2, 5)) == two


def test_a_network_of_both_directions_has_two_and_one_with_a_code_has_one():
    one = count(Generator(4, 2))
    assert count(Pair(TINY)) == 2 * one
    told = 1 * 32 + 32 + 1 * 8 + 8  # scale and shift of 16 channels, and of 4
    assert count(Coded(TINY)) == one + told
    assert count(Single(TINY, 10)) == one + 10 * 32 + 32 + 10 * 8 + 8


def test_a_residual_one_begins_with_the_image_and_every_weight_can_move():
    images = torch.rand(2, 3, 17, 21) * 2 - 1
    of = TINY.model_copy(update={"residual": True}).generator()
    assert torch.equal(of(images), images)
    assert count(of) == count(TINY.generator())
    moving = torch.optim.SGD(of.parameters(), lr=0.1)
    for _ in range(2):  # its last layer first, then all before it
        moving.zero_grad()
        of(images).square().mean().backward()
        moving.step()
    assert all(p.grad.abs().sum() > 0 for n, p in of.named_parameters() if "weight" in n)
    assert of(images * 10).abs().max() <= 1


@pytest.mark.parametrize("size", [(16, 20), (17, 21), (18, 23), (31, 8), (9, 11)])
def test_any_size_comes_out_as_it_went_in(size):
    made = Generator(4, 1)(torch.rand(2, 3, *size) * 2 - 1)
    assert made.shape == (2, 3, *size)
    assert made.abs().max() <= 1


def test_a_side_that_4_does_not_divide_is_mirrored_a_little_beyond():
    of, images = Generator(4, 2), torch.rand(1, 3, 18, 21) * 2 - 1
    beyond = F.pad(images, (0, 3, 0, 2), mode="reflect")
    assert torch.equal(of(images), of(beyond)[..., :18, :21])


def test_each_image_is_by_itself_and_use_is_as_training():
    of, images = Generator(4, 2), torch.rand(3, 3, 16, 16) * 2 - 1
    both = of(images)
    alone = torch.cat([of.eval()(images[n : n + 1]) for n in range(3)])
    torch.testing.assert_close(both, alone)


def test_what_it_is_told_changes_what_it_makes_even_though_it_is_the_same_everywhere():
    """Constant channels of the input would be taken away by the instance norm behind them."""
    of, images = Generator(4, 2, 1), torch.rand(1, 3, 16, 16) * 2 - 1
    nn.init.constant_(of.given[0].weight, 0.5)
    one, other = (of(images, torch.full((1, 1), code)) for code in CODES.values())
    assert (one - other).abs().max() > 0.01
    stem = nn.Sequential(nn.Conv2d(4, 4, 7), nn.InstanceNorm2d(4))
    constant = [torch.cat([images, torch.full((1, 1, 16, 16), c)], 1) for c in CODES.values()]
    torch.testing.assert_close(stem(constant[0]), stem(constant[1]), atol=1e-4, rtol=1e-4)


def test_weights_are_drawn_as_cyclegans():
    weights = torch.cat(
        [p.detach().flatten() for n, p in Generator(16, 4).named_parameters() if "weight" in n]
    )
    assert weights.std() == pytest.approx(0.02, rel=0.01)
    assert weights.mean().abs() < 1e-3
    assert not any(p.any() for n, p in PatchDiscriminator(4).named_parameters() if "bias" in n)


# --- patches -------------------------------------------------------------------------------


@pytest.mark.parametrize(("layers", "field"), [(2, 34), (3, 70)])
def test_a_cell_sees_as_many_pixels_as_said_around_its_square(layers, field):
    of, step, size = PatchDiscriminator(4, layers), 2**layers, 160
    for part in of:  # an instance norm looks at all
        if isinstance(part, nn.InstanceNorm2d):
            part.forward = lambda x: x
    images = torch.rand(1, 3, size, size, requires_grad=True)
    found = of(images)
    row, column = found.shape[2] // 2, found.shape[3] // 2 + 1
    found[0, 0, row, column].backward()
    for axis, at in ((2, row), (3, column)):
        places = images.grad.abs().sum([d for d in (0, 1, 2, 3) if d != axis]).nonzero().flatten()
        low, high = int(places.min()), int(places.max())
        assert high - low + 1 == field
        assert (low + high + 1) / 2 == step * (at + 1) + step / 2  # the square's middle


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_smallest_image_leaves_a_cell(layers):
    least = Networks(layers=layers).smallest
    found = PatchDiscriminator(4, layers)(torch.rand(1, 3, least, least))
    assert min(found.shape[2:]) >= 1
    assert found.isfinite().all()


def test_a_cells_label_is_the_commonest_of_its_square():
    labels = torch.randint(0, 3, (2, 37, 45))
    labels[0, :20] = 255
    size = PatchDiscriminator(4, 2)(torch.rand(2, 3, 37, 45)).shape[2:]
    found = cells(labels, size, 4)
    assert found.shape == (2, *size)
    for n, i, j in torch.ones(2, *size).nonzero().tolist():
        square = labels[n, 4 * (i + 1) : 4 * (i + 2), 4 * (j + 1) : 4 * (j + 2)].flatten().tolist()
        assert len(square) == 16
        most = max(square.count(c) for c in square)
        assert found[n, i, j] == min(c for c in square if square.count(c) == most)


# --- places that are compared --------------------------------------------------------------


def test_what_is_compared_is_the_image_and_four_layers():
    of, images = Generator(4, 4), torch.rand(2, 3, 16, 20) * 2 - 1
    taps = of.taps(images)
    assert [tuple(tap.shape[1:]) for tap in taps] == [
        (3, 16, 20), (8, 8, 10), (16, 4, 5), (16, 4, 5), (16, 4, 5)
    ]  # fmt: skip
    assert of.tapped == tuple(tap.shape[1] for tap in taps)
    assert torch.equal(taps[0], images)
    x = of.down[1](of.down[0](of.stem(images)))
    for number in range(3):
        x = of.blocks[number](x)
        if number == 0:
            assert torch.equal(taps[3], x)
    assert torch.equal(taps[4], x)
    assert len(Generator(4, 1).taps(images)) == 5


def test_places_are_those_of_the_highest_scores_none_twice():
    of, images = Contrasted(TINY), torch.rand(2, 3, 16, 16) * 2 - 1
    scores = torch.rand(2, 16, 16)
    found = of(images, scores, 5)
    assert [tuple(rows.shape) for rows in found] == [(2, 5, 256)] * 5
    for embed, tap, rows in zip(of.embedders, of.generator.taps(images), found, strict=True):
        height, width = tap.shape[2:]
        for n in range(2):
            order = sorted(
                ((scores[n, i, j].item(), i, j) for i in range(height) for j in range(width)),
                reverse=True,
            )
            picked = torch.stack([tap[n, :, i, j] for _, i, j in order[:5]])
            raw = embed(picked)
            torch.testing.assert_close(rows[n], raw / raw.norm(dim=1, keepdim=True))
    assert [rows.shape[1] for rows in of(images, scores, 100)] == [100, 64, 16, 16, 16]
