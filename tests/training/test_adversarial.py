"""The discriminator, and who moves whom by its losses."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.runtime.files import BadInput
from pipeline.training import loop, losses
from pipeline.training.adversarial import Level, Seen, align, judged, maps
from pipeline.training.discriminators import Discriminator, PixelDiscriminator, RegionDiscriminator
from tests import memory
from tests.memory import CLASSES, batch, params
from tests.references import log_softmax, upsample


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


# --- the discriminator ---------------------------------------------------------------------


@pytest.mark.parametrize("classes", [3, 19])
def test_the_discriminator_is_advents(classes):
    layers = list(Discriminator(classes))
    assert len(layers) == 9
    convolutions, between = layers[::2], layers[1::2]
    sizes = [(c.in_channels, c.out_channels) for c in convolutions]
    assert sizes == [(classes, 64), (64, 128), (128, 256), (256, 512), (512, 1)]
    for c in convolutions:
        assert isinstance(c, nn.Conv2d)
        assert (c.kernel_size, c.stride, c.padding) == ((4, 4), (2, 2), (1, 1))
    assert all(isinstance(layer, nn.LeakyReLU) for layer in between)
    assert [layer.negative_slope for layer in between] == [0.2] * 4
    assert not list(Discriminator(classes).buffers())  # no normalisation


@pytest.mark.parametrize(("classes", "count"), [(3, 2_764_737), (19, 2_781_121)])
def test_the_discriminators_parameters_are_counted_by_hand(classes, count):
    weights = 16 * (classes * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512 * 1)
    assert weights + (64 + 128 + 256 + 512 + 1) == count
    assert sum(p.numel() for p in Discriminator(classes).parameters()) == count


@pytest.mark.parametrize(("size", "cells"), [
    ((32, 32), (1, 1)), ((64, 96), (2, 3)), ((63, 50), (1, 1)), ((200, 33), (6, 1))
])  # fmt: skip
def test_a_discriminator_judges_cells_of_32(size, cells):
    assert Discriminator(CLASSES, width=2)(torch.zeros(2, CLASSES, *size)).shape == (2, 1, *cells)


@pytest.mark.parametrize("size", [(31, 48), (48, 31), (8, 8)])
def test_a_crop_too_small_for_the_discriminator_is_refused_with_the_fix(size):
    logits = torch.zeros(1, CLASSES, 4, 4)
    with pytest.raises(BadInput, match=rf"augment: a crop of {size[1]}x{size[0]} .* 32 or more"):
        maps(logits, torch.ones(1, *size, dtype=torch.bool))


def test_the_smallest_crop_is_judged():
    found = maps(torch.zeros(1, CLASSES, 4, 4), torch.ones(1, 32, 32, dtype=torch.bool))
    assert judged(Discriminator(CLASSES, 2), found, 1.0)[0].isfinite()


def test_maps_are_of_upsampled_logits():
    logits, within = torch.randn(2, CLASSES, 4, 5) * 3, torch.rand(2, 33, 40) > 0.3
    found = maps(logits, within).maps
    assert found.shape == (2, CLASSES, 33, 40)
    for n in range(2):
        log = log_softmax(upsample(logits[n].numpy(), 33, 40))
        expected = -np.exp(log) * log / np.log(CLASSES) * within[n].numpy()
        np.testing.assert_allclose(found[n], expected, rtol=1e-3, atol=1e-5)
    mean = found.sum() / within.sum()
    torch.testing.assert_close(mean, losses.entropy(logits, within))


# --- its losses ----------------------------------------------------------------------------


class Constant(nn.Module):
    """Logits that are the maps' first channel."""

    def forward(self, x):
        return x[:, :1]


def seen(logits, within=None):
    """Of (N, 1, h, w), all of it if not else said."""
    whole = torch.ones(len(logits), *logits.shape[-2:], dtype=torch.bool)
    return Seen(logits, whole if within is None else within)


def cross_entropy(logits, side):
    p = 1 / (1 + np.exp(-logits.detach().double().numpy()))
    return -(np.log(p) if side else np.log(1 - p)).mean()


@pytest.mark.parametrize("side", [0.0, 1.0])
def test_a_judgement_is_binary_cross_entropy(side):
    logits = torch.randn(2, 1, 3, 4) * 2
    found, _ = judged(Constant(), seen(logits), side)
    assert found.item() == pytest.approx(cross_entropy(logits, side), rel=1e-5)
    padded = nn.functional.pad(logits, (2, 1, 0, 3), value=5.0)
    within = nn.functional.pad(seen(logits).within, (2, 1, 0, 3))
    assert judged(Constant(), seen(padded, within), side)[0].item() == pytest.approx(found.item())


@pytest.mark.parametrize("side", [0.0, 1.0])
def test_a_cell_counts_as_much_of_its_place_is_no_padding(side):
    within = torch.rand(3, 8, 12) > 0.4
    within[0, :4, :4] = False
    within[1] = False
    logits = torch.randn(3, 1, 2, 3) * 2
    shares = within.numpy().reshape(3, 2, 4, 3, 4).mean((2, 4))
    assert (shares[0, 0, 0], shares[1].sum()) == (0, 0)
    for square in (False, True):
        loss, right = judged(Constant(), seen(logits, within), side, square=square)
        given = logits[:, 0].double().numpy()
        each = (given - side) ** 2 if square else np.logaddexp(0, -given if side else given)
        assert loss.item() == pytest.approx((each * shares).sum() / shares.sum(), rel=1e-5)
        told = (given > (0.5 if square else 0)) == bool(side)
        assert right.item() == pytest.approx((told * shares).sum() / shares.sum(), rel=1e-5)


def test_a_batch_of_padding_alone_is_judged_zero():
    logits = torch.randn(2, 1, 2, 3, requires_grad=True)
    nothing = torch.zeros(2, 4, 6, dtype=torch.bool)
    loss, right = judged(Constant(), seen(logits, nothing), 1.0)
    loss.backward()
    assert (loss, right) == (0, 0)
    assert not logits.grad.any()


@pytest.mark.parametrize("square", [False, True])
def test_where_nothing_is_padded_a_judgement_is_the_plain_mean(square):
    judge, given = Discriminator(CLASSES, 4), torch.rand(2, CLASSES, 70, 100)
    one, other = (
        Seen(given, torch.ones(2, *size, dtype=torch.bool)) for size in ((70, 100), (9, 7))
    )
    found = judge(given)
    kind = nn.functional.mse_loss if square else nn.functional.binary_cross_entropy_with_logits
    expected = kind(found, torch.ones_like(found))
    for each in (one, other):
        loss, right = judged(judge, each, 1.0, square=square)
        torch.testing.assert_close(loss, expected)
        torch.testing.assert_close(right, (found > square / 2).float().mean())


def test_aligning_yields_the_networks_loss_then_the_discriminators():
    resembled, other = torch.randn(2, 1, 3, 4), torch.randn(3, 1, 3, 4) + 1
    network, told = align(Level(Constant(), seen(resembled), seen(other), 0.3))
    assert (network.group, [*network.terms]) == ("network", ["adversarial"])
    assert (told.group, [*told.terms]) == ("discriminator", ["told"])
    # the other side is to be taken for the resembled one, which is 1
    adversarial = 0.3 * cross_entropy(other, 1)
    assert network.terms["adversarial"].item() == pytest.approx(adversarial, rel=1e-5)
    both = (cross_entropy(resembled, 1) + cross_entropy(other, 0)) / 2
    assert told.terms["told"].item() == pytest.approx(both, rel=1e-5)


def test_a_discriminator_that_tells_the_sides_has_little_to_learn_and_the_network_much():
    resembled, other = torch.full((1, 1, 2, 2), 8.0), torch.full((1, 1, 2, 2), -8.0)
    network, told = align(Level(Constant(), seen(resembled), seen(other), 1.0))
    assert told.terms["told"] < 1e-3
    assert network.terms["adversarial"] > 7
    network, told = align(
        Level(Constant(), seen(other), seen(resembled), 1.0)
    )  # taken for each other
    assert told.terms["told"] > 7
    assert network.terms["adversarial"] < 1e-3


def test_the_networks_step_moves_the_other_side_alone_and_the_discriminators_neither():
    discriminator = Discriminator(CLASSES, 4)
    resembled, other = (torch.randn(1, CLASSES, 32, 32, requires_grad=True) for _ in range(2))
    network, told = align(Level(discriminator, seen(resembled), seen(other), 1.0))
    (grad,) = torch.autograd.grad(network.terms["adversarial"], other, retain_graph=True)
    assert grad.any()
    sides = torch.autograd.grad(
        network.terms["adversarial"], resembled, retain_graph=True, allow_unused=True
    )
    assert sides == (None,)
    found = torch.autograd.grad(
        told.terms["told"], [resembled, other, *discriminator.parameters()], allow_unused=True
    )
    assert found[:2] == (None, None)
    assert all(g is not None and g.any() for g in found[2:])


class Watched:
    """An objective, and the gradients of each group right after each of its losses went back."""

    def __init__(self, of):
        self.of, self.modules, self.found = of, of.modules, []

    def losses(self, network, given):
        self.of.modules, self.of.progress = self.modules, self.progress
        for loss in self.of.losses(network, given):
            yield loss
            groups = {"network": network, **self.modules}
            self.found.append((loss, {name: gradients(group) for name, group in groups.items()}))


def gradients(module):
    return [p.grad.clone() for p in module.parameters() if p.grad is not None]


ADVERSARIAL = {
    "advent": (("source", "target"), {}),
    "intra_domain": (("target", "hard"), {}),
    "tpld": (("source", "target", "hard"), {"dense": True}),
    **{
        name: (("source", "target"), {})
        for name in ("adaptsegnet", "clan", "fcns_in_the_wild", "road")
    },
}


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_loop_gives_each_group_the_gradients_of_its_own_losses(name, fabric):
    sides, options = ADVERSARIAL[name]
    of = memory.objective(name, **options)
    made, watched = memory.start(of), Watched(of)
    loop.train(made, watched, [batch(sides)] * 2, 2, params(), fabric, lambda *_: None)
    assert [loss.group for loss, _ in watched.found] == ["network", "network", "discriminator"] * 2
    for step in range(2):
        (_, first), (_, second), (_, third) = watched.found[3 * step : 3 * step + 3]
        # no discriminator's gradient in the network's step, nor one of the step before
        assert not any(g.any() for g in [*first["discriminator"], *second["discriminator"]])
        assert any(
            not torch.equal(a, b) for a, b in zip(first["network"], second["network"], strict=True)
        )
        # nor the other way round
        for a, b in itertools.zip_longest(second["network"], third["network"]):
            assert torch.equal(a, b)
        assert all(g.any() for g in third["discriminator"])


@pytest.mark.parametrize("name", ["adda", "fcan", "generate_to_adapt"])
def test_a_loss_of_both_sides_gives_a_gradient_to_its_own_group_alone(name, fabric):
    of = memory.objective(name)
    made, watched = memory.start(of), Watched(of)
    loop.train(made, watched, [batch()] * 2, 2, params(), fabric, lambda *_: None)
    assert len(watched.found) == 2 * len({loss.group for loss, _ in watched.found})
    before = {}
    for step, (loss, found) in enumerate(watched.found):
        if step == len(watched.found) // 2:
            before = {}  # they are set to nothing before a step
        assert any(g.any() for g in found[loss.group])
        for group in found.keys() - {loss.group}:
            for a, b in itertools.zip_longest(before.get(group, []), found[group]):
                assert torch.equal(a, b)
        before = found


def test_the_two_play_their_game():
    """The discriminator learns to tell sure maps from unsure ones, then the unsure become sure."""
    whole = torch.ones(2, 32, 32, dtype=torch.bool)
    discriminator = Discriminator(CLASSES, 4)
    logits = torch.randn(2, CLASSES, 32, 32).requires_grad_()
    resembled = maps(6 * torch.randn(2, CLASSES, 32, 32), whole)
    before = losses.entropy(logits, whole).item()
    told, fooled = [], []
    for group, found, moved in (
        ("discriminator", told, [*discriminator.parameters()]),
        ("network", fooled, [logits]),
    ):
        stepper = torch.optim.Adam(moved, 0.01)
        for _ in range(25):
            yielded = align(Level(discriminator, resembled, maps(logits, whole), 1.0))
            (loss,) = (each for each in yielded if each.group == group)
            (term,) = loss.terms.values()
            stepper.zero_grad()
            term.backward(inputs=moved)
            stepper.step()
            found.append(term.item())
    assert told[-1] < 0.2 * told[0]
    assert fooled[-1] < 0.8 * fooled[0]
    assert losses.entropy(logits, whole) < 0.95 * before


# --- discriminators of features, levels ----------------------------------------------------


def test_a_pixel_is_judged_by_itself():
    found, x = PixelDiscriminator(8), torch.randn(2, 8, 5, 6)
    whole = found(x)
    assert whole.shape == (2, 1, 5, 6)
    torch.testing.assert_close(found(x[:, :, 2:3, 4:5])[:, :, 0, 0], whole[:, :, 2, 4])


@pytest.mark.parametrize("size", [(3, 3), (7, 11), (8, 16)])
def test_a_region_is_judged_by_its_own_discriminator(size):
    found = RegionDiscriminator(4, 3, 3, width=2)
    x = torch.randn(1, 4, *size)
    whole = found(x)
    assert whole.shape == (1, 1, *size)
    for place, region in enumerate(found.regions):
        rows, columns = (
            np.array_split(range(n), 3)[at] for n, at in zip(size, divmod(place, 3), strict=True)
        )
        window = (..., slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        torch.testing.assert_close(whole[window], region(x[window]))


def test_a_map_with_fewer_cells_than_regions_is_refused():
    with pytest.raises(BadInput, match=r"features are 2x5 has no 3x3 regions; make it larger"):
        RegionDiscriminator(4)(torch.zeros(1, 4, 5, 2))


@pytest.mark.parametrize("square", [False, True])
def test_the_share_that_is_told_right_is_seen(square):
    resembled, other = torch.tensor([[[[1.0, -1, 2, 3]]]]), torch.tensor([[[[-1.0, 1, 1, -1]]]])
    _, told = align(Level(Constant(), seen(resembled), seen(other), 1.0, "_x", square=square))
    assert told.group == "discriminator_x"
    assert {k: v.item() for k, v in told.seen.items()} == {"accuracy_x": (3 / 4 + 2 / 4) / 2}


def test_places_that_weigh_more_count_more_for_the_other_side_alone():
    resembled, other = torch.randn(1, 1, 2, 3), torch.randn(1, 1, 2, 3)
    local = torch.rand(1, 1, 2, 3) * 5
    network, told = align(Level(Constant(), seen(resembled), seen(other), 0.3, local=local))
    each = np.logaddexp(0, -other.double().numpy()) * local.double().numpy()
    assert network.terms["adversarial"].item() == pytest.approx(0.3 * each.mean(), rel=1e-5)
    each = np.logaddexp(0, other.double().numpy()) * local.double().numpy()
    both = (cross_entropy(resembled, 1) + each.mean()) / 2
    assert told.terms["told"].item() == pytest.approx(both, rel=1e-5)
