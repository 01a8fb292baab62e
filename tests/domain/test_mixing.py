"""Mixtures of source and target, and hidden blocks, by a restatement pixel by pixel."""

from math import ceil

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from pipeline.domain.augment import Augment
from pipeline.domain.batches import Batch, Labelled
from pipeline.domain.draws import Draws
from pipeline.domain.mixing import Mixing, _blurred, hidden, pasted
from pipeline.domain.taxonomy import IGNORE
from pipeline.domain.views import Mask, Mix
from pipeline.runtime.files import BadInput
from tests.memory import AUGMENT, HEIGHT, WIDTH, Memory

PLAIN = {"colour": 0.0, "blur": 0.0}
FILL = (1, 2, 3)


def side(images, labels, name):
    n = len(images)
    windows = torch.tensor([[0.0, 0, 1, 1]]).expand(n, 4)
    return Labelled(images, labels, [f"{name}{i}" for i in range(n)], windows, torch.zeros(n))


def given(*labels, seed=0):
    """A batch of source crops with these labels; the target's are of another class, or IGNORE."""
    labels = torch.tensor(labels)
    rng = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (2, len(labels), 3, *labels.shape[1:]), generator=rng)
    target = torch.where(labels % 2 == 0, 7, IGNORE)
    images = images.to(torch.uint8)
    return Batch(side(images[0], labels, "s"), side(images[1], target, "t"))


LABELS = {
    "an even number of classes": [[0, 1, 2, 3], [0, 1, 2, 3]],
    "an odd number": [[0, 1, 2, 2], [4, 4, 6, 2]],
    "one class": [[5, 5, 5, 5], [5, 5, 5, 5]],
    "some ignored": [[IGNORE, 1, 2, IGNORE], [1, 2, 3, IGNORE]],
    "all padding": [[IGNORE] * 4, [IGNORE] * 4],
}


def large(name):
    return np.kron(LABELS[name], np.ones((6, 6), int)).tolist()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS)
def test_a_mixture_is_the_target_with_whole_classes_of_the_source(label, share):
    batch = given(label, label[::-1])
    chosen = set()
    for step in range(20):
        mixed = Mixing(Mix(share=share, **PLAIN))(batch, 0, step, range(2)).mixed
        for n in range(2):
            own, mask = batch.source.labels[n], mixed.pasted[n]
            held = {*own.flatten().tolist()} - {IGNORE}
            classes = {c for c in held if mask[own == c].any()}
            chosen.add((n, frozenset(classes)))
            assert len(classes) == ceil(len(held) * share)
            for y, x in np.ndindex(*own.shape):
                inside = own[y, x].item() in classes
                assert mask[y, x].item() == inside
                of = batch.source if inside else batch.target
                assert torch.equal(mixed.images[n, :, y, x], of.images[n, :, y, x])
                assert mixed.labels[n, y, x] == of.labels[n, y, x]
    assert mixed.names == batch.target.names
    assert mixed.windows is batch.target.windows
    if share in (0.3, 0.5) and len(held) > 1:
        assert len(chosen) > 2  # others each time


def test_half_of_three_classes_is_two_and_each_is_as_likely():
    label = torch.tensor([[0, 1, 2]])
    torch.manual_seed(0)
    found = torch.stack([pasted(label, 0.5)[0] for _ in range(3000)])
    assert (found.sum(1) == 2).all()
    assert (found.float().mean(0) - 2 / 3).abs().max() < 0.04


def test_colour_and_blur_change_pixels_after_the_mixture_and_nothing_else():
    batch = given(large("some ignored"), large("an odd number"))
    seen = {"colour": 0, "blur": 0}
    for name, options in (("colour", {"blur": 0.0}), ("blur", {"colour": 0.0})):
        for step in range(40):
            plain = Mixing(Mix(**PLAIN))(batch, 0, step, range(2)).mixed
            mixed = Mixing(Mix(**options))(batch, 0, step, range(2)).mixed
            assert torch.equal(mixed.labels, plain.labels)
            assert torch.equal(mixed.pasted, plain.pasted)
            seen[name] += sum(
                not torch.equal(*both) for both in zip(mixed.images, plain.images, strict=True)
            )
    assert 50 <= seen["colour"] <= 75  # 0.8 of 80
    assert 26 <= seen["blur"] <= 54  # 0.5


def test_a_blur_is_that_of_a_gaussian():
    rng = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (3, 40, 44), generator=rng).to(torch.uint8)
    torch.manual_seed(4)
    sigma = 0.15 + torch.rand(()).item()
    torch.manual_seed(4)
    expected = v2.functional.gaussian_blur(image.float(), [23, 23], [sigma, sigma])
    assert sigma > 0.5
    inner = slice(12, -12), slice(12, -12)  # where no side is near
    assert (_blurred(image).float() - expected)[:, *inner].abs().max() <= 0.75


def test_sides_are_left_as_they_are():
    batch = given(large("an odd number"), large("one class"))
    copies = [of.images.clone() for of in batch[:2]]
    found = Mixing(Mix(), Mask(size=1))(batch, 0, 0, range(2))
    assert all(torch.equal(of.images, copy) for of, copy in zip(batch[:2], copies, strict=True))
    assert found[:3] == batch[:3]


# --- masks ---------------------------------------------------------------------------------


def test_hidden_blocks_have_the_fill_and_the_rest_is_the_target():
    batch = given(*[[[0] * 24] * 12] * 2)
    mixing = Mixing(Mix(**PLAIN), Mask(size=4, ratio=0.5), FILL)
    masked = mixing(batch, 0, 0, range(2)).masked
    fill = torch.tensor(FILL).view(3, 1, 1)
    covered = (masked.images == fill).all(1)
    assert 0.2 < covered.float().mean() < 0.8
    kept = ~covered[:, None].expand_as(masked.images)
    assert torch.equal(masked.images[kept], batch.target.images[kept])
    blocks = covered.unfold(1, 4, 4).unfold(2, 4, 4).flatten(3).float().mean(3)
    assert set(blocks.flatten().tolist()) == {0, 1}  # whole blocks
    assert not torch.equal(*covered)
    assert torch.equal(masked.labels, batch.target.labels)


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.7, 1.0])
def test_as_many_blocks_are_hidden_as_the_ratio_says(ratio):
    torch.manual_seed(0)
    found = hidden(torch.Size((160, 200)), Mask(size=2, ratio=ratio))
    blocks = found[::2, ::2].double()
    bound = 4 * (ratio * (1 - ratio) / blocks.numel()) ** 0.5
    assert abs(blocks.mean().item() - ratio) <= bound


def test_a_block_larger_than_the_crop_is_the_crop():
    torch.manual_seed(0)
    found = {hidden(torch.Size((5, 7)), Mask(size=64)).float().mean().item() for _ in range(20)}
    assert found == {0, 1}


def test_without_a_mask_there_is_no_masked_side():
    assert Mixing(Mix())(given(large("one class")), 0, 0, range(1)).masked is None


# --- as drawn ------------------------------------------------------------------------------

MASK = Mask(size=8)


def draws(rank=0, ranks=1, seed=3, mask=MASK):
    sides = ([Memory(5), Memory(2, "x", seed=2)], 4), ([Memory(6, "t", seed=1)], 4), None
    return Draws(sides, Augment(AUGMENT), seed, rank, ranks, mixing=Mixing(Mix(), mask))


def flat(batch):
    return [(name, at, value) for name, one in batch._asdict().items() if one is not None
            for at, value in one._asdict().items() if value is not None]  # fmt: skip


def equal(one, two):
    assert [part[:2] for part in flat(one)] == [part[:2] for part in flat(two)]
    return all(
        torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
        for (_, _, a), (_, _, b) in zip(flat(one), flat(two), strict=True)
    )


def test_a_step_is_the_same_whatever_was_drawn_before():
    whole, state = draws(), torch.get_rng_state()
    found = [whole[step] for step in range(6)]
    assert torch.equal(torch.get_rng_state(), state)
    assert {name for name, _, _ in flat(found[0])} == {"source", "target", "mixed", "masked"}
    for step in (5, 2, 0):
        torch.manual_seed(step)
        assert equal(draws()[step], found[step])
    assert not equal(draws(seed=4)[0], found[0])
    assert all(not torch.equal(found[0].mixed.images, one.mixed.images) for one in found[1:])


def test_workers_draw_the_same():
    alone = [draws()[step] for step in range(5)]
    loader = DataLoader(draws(), batch_size=None, sampler=range(5), num_workers=2)
    assert all(equal(*both) for both in zip(loader, alone, strict=True))


def test_two_processes_draw_the_batch_of_one():
    for step in range(4):
        parts = [flat(draws(rank, 2)[step]) for rank in range(2)]
        for (*of, whole), (*_, one), (*_, two) in zip(flat(draws()[step]), *parts, strict=True):
            if isinstance(whole, list):
                assert one + two == whole
            else:
                assert torch.equal(torch.cat([one, two]), whole), of


def test_a_mask_changes_nothing_else():
    one, two = draws()[1], draws(mask=None)[1]
    assert equal(one._replace(masked=None), two)


@pytest.mark.parametrize("counts", [(2, 3), (0, 3), (3, 0)])
def test_as_many_source_images_as_target_images_are_needed(counts):
    sides = ([Memory(5)], counts[0]), ([Memory(6)], counts[1]), None
    with pytest.raises(BadInput, match=r"set source_share to 0\.5, and batch to an even number"):
        Draws(sides, Augment(AUGMENT), 0, mixing=Mixing(Mix()))


def test_crops_are_those_without_mixing():
    sides = draws().sides
    plain = Draws(sides, Augment(AUGMENT), 3)[2]
    found = draws()[2]
    assert equal(Batch(*found[:3]), plain)
    assert found.mixed.images.shape == (4, 3, HEIGHT, WIDTH)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 9), (4, 3)])
def test_an_image_smaller_than_a_blur_is_blurred_as_far_as_it_goes(height, width):
    image = torch.randint(0, 256, (3, height, width), dtype=torch.uint8)
    found = _blurred(image)
    assert (found.shape, found.dtype) == (image.shape, torch.uint8)
    assert image.amin() <= found.amin()
    assert found.amax() <= image.amax()
    alike = torch.full_like(image, 90)
    assert torch.equal(_blurred(alike), alike)
