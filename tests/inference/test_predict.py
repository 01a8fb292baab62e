"""Averages over flips and scales, grids of logits, and labels from them."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pipeline.domain.taxonomy import resolve
from pipeline.domain.windows import WHOLE
from pipeline.inference import labelling, predict
from pipeline.model import model
from pipeline.model.outputs import Outputs
from pipeline.model.recipe import Recipe

CLASSES = 5


class Stub(nn.Module):
    """Logits at stride 4 that a flip does not merely mirror."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.conv = nn.Conv2d(3, CLASSES, 5, stride=4, padding=2)
        self.seen = []

    def forward(self, x):
        self.seen.append(tuple(x.shape[-2:]))
        return Outputs(self.conv(x.float() / 32 - 4))


@pytest.fixture
def stub():
    return Stub().eval()


def pixels(n=2, height=24, width=36, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, 256, (n, 3, height, width), dtype=np.uint8))


def maps(n=2, rows=6, columns=9, seed=0, scale=5.0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(0, scale, (n, CLASSES, rows, columns)).astype(np.float32))


def averaged(stub, images, flip, scales):
    """The logarithm of the mean probability over all views, view by view in float64."""
    views = []
    for scale in scales:
        size = [round(side * scale) for side in images.shape[-2:]]
        given = images.float()
        if scale != 1:
            given = F.interpolate(given, size, mode="bilinear", antialias=scale < 1)
        views.append(stub(given).logits)
        if flip:
            mirrored = torch.stack([image.flip(-1) for image in given])
            views.append(stub(mirrored).logits.flip(-1))
    grid = views[0].shape[-2:]
    total = 0
    for logits in views:
        shrinks = logits.shape[-1] > grid[-1]
        moved = F.interpolate(logits, grid, mode="bilinear", antialias=shrinks)
        total = total + moved.double().softmax(1)
    return (total / len(views)).log()


def test_cells_that_image_and_mirror_image_see_otherwise_are_counted(stub):
    images = pixels(n=3)
    views = predict.views(stub, images, True, (1.0, 0.5))
    logits, _ = predict.scores(stub, images, True, (1.0, 0.5))
    found = [*predict.unlike(logits, *views[:2])]
    with torch.inference_mode():
        one = stub(images.float()).logits.argmax(1)
        other = stub(images.float().flip(-1)).logits.flip(-1).argmax(1)
    assert (one != other).any()
    for index, (cells, apart) in enumerate(found):
        own = logits[index].argmax(0)
        assert cells == [int((own == c).sum()) for c in range(CLASSES)]
        both = one[index] != other[index]
        assert apart == [int(((own == c) & both).sum()) for c in range(CLASSES)]


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("scales", [(1.0,), (0.75,), (1.0, 0.5), (0.9, 1.0, 1.25)])
def test_views_are_averaged_as_probabilities(stub, flip, scales):
    images = pixels()
    with torch.inference_mode():
        ours, over = predict.scores(stub, images, flip, scales)
        expected = averaged(stub, images, flip, scales)
    assert over == WHOLE
    torch.testing.assert_close(ours.double().softmax(1), expected.softmax(1), rtol=1e-4, atol=1e-6)
    if flip or len(scales) > 1:
        torch.testing.assert_close(ours.double(), expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(ours.exp().sum(1), torch.ones_like(ours[:, 0]))


def test_one_view_is_the_networks_own_logits(stub):
    images = pixels()
    found, over = predict.scores(stub, images)
    assert torch.equal(found, stub(images).logits)
    assert (found.dtype, over) == (torch.float32, WHOLE)


def test_each_view_is_seen_once(stub):
    predict.scores(stub, pixels(), True, (1.0, 0.5))
    assert stub.seen == [(24, 36), (24, 36), (12, 18), (12, 18)]


def test_flipping_makes_mirrored_images_equal():
    class Pointwise(Stub):
        def forward(self, x):
            return Outputs(F.avg_pool2d(x.float(), 4)[:, [0, 1, 2, 0, 1]] / 20)

    images = pixels()
    one, _ = predict.scores(Pointwise(), images, True)
    other, _ = predict.scores(Pointwise(), images.flip(-1), True)
    torch.testing.assert_close(other, one.flip(-1))


def test_half_precision_networks_are_averaged_in_full(stub):
    half = stub.to(torch.bfloat16)
    half.forward = lambda x: Outputs(half.conv(x.to(torch.bfloat16) / 32))
    assert predict.scores(half, pixels(), True)[0].dtype == torch.float32


# --- grids ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("own", "stride", "expected"), [
    ((24, 36), 4, (6, 9)), ((24, 36), 8, (3, 5)), ((6, 9), 4, (6, 9)), ((3, 4), 4, (3, 4)),
    ((3, 36), 4, (3, 9)), ((24, 36), 7, (4, 6)), ((24, 36), 1, (24, 36)), ((24, 36), 99, (1, 1)),
])  # fmt: skip
def test_a_grid_has_the_stride_or_is_the_networks_own(own, stride, expected):
    found, _ = predict.grid(maps(1, *own), 24, 36, stride)
    assert found.shape == (1, CLASSES, *expected)
    assert found.dtype == torch.float16


def test_what_a_grid_takes_off_changes_no_probability():
    logits = maps(scale=3.0) + 500 * torch.randn(2, 1, 6, 9)
    full = F.interpolate(logits.double(), (24, 36), mode="bilinear").softmax(1)
    found = predict.grid(logits, 24, 36, 4)[0].double()
    found = F.interpolate(found, (24, 36), mode="bilinear")
    torch.testing.assert_close(found.softmax(1), full, atol=2e-3, rtol=0)
    small = logits - logits.amax(1, keepdim=True)
    exact = F.interpolate(small.double(), (24, 36), mode="bilinear").softmax(1)
    torch.testing.assert_close(exact, full, atol=1e-4, rtol=0)


def test_a_grid_stays_within_float16():
    found, _ = predict.grid(maps(scale=1e6), 24, 36, 4)
    assert found.isfinite().all()
    assert found.min() <= -5.9e4
    assert (found.amax(1) == 0).all()


def test_a_coarser_grid_averages_rather_than_skips():
    logits = torch.zeros(1, 2, 8, 8)
    logits[:, 0, ::2, ::2] = 8.0  # only every second cell, and each skipped by some phase
    found, _ = predict.grid(logits, 8, 8, 4)
    assert (found[:, 0] == 0).all()
    assert ((found[:, 1] < -1) & (found[:, 1] > -4)).all()


# --- labels --------------------------------------------------------------------------------


def test_labels_are_the_argmax_of_upsampled_logits():
    logits = maps(rows=5, columns=7)
    full = F.interpolate(logits, (33, 41), mode="bilinear", align_corners=False)
    found = predict.labels(logits, 33, 41)
    assert torch.equal(found.long(), full.argmax(1))
    assert found.dtype == torch.uint8


def test_labels_from_a_stored_grid_agree_with_those_at_full_precision():
    logits = maps(4, 12, 16, scale=4.0)
    full = predict.labels(logits, 96, 128).numpy()
    stored = predict.grid(logits, 96, 128, 8)[0].numpy().astype(np.float32)
    found = np.stack([labelling.measure(g, 96, 128)[0] for g in stored])
    assert (found == full).mean() > 0.995
    two = F.interpolate(logits, (96, 128), mode="bilinear").topk(2, dim=1).values
    clear = (two[:, 0] - two[:, 1] > 0.05).numpy()
    assert (found == full)[clear].all()


@pytest.mark.parametrize("size", [(24, 36), (23, 35)])
def test_a_network_s_own_grid_keeps_its_labels(size):
    made = model.create(Recipe("small", resolve(["a", "b", "c"]), {"width": 4}), 0).eval()
    logits, over = predict.scores(made, pixels(1, *size))
    full = predict.labels(logits, *size, over).numpy()[0]
    stored, kept = predict.grid(logits, *size, 4, over)
    assert kept == over
    grid = stored[0].numpy().astype(np.float32)
    found, _, _ = labelling.measure(grid, *size, window=over)
    assert (found == full).mean() > 0.98


# --- images --------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 2])
def test_images_come_in_order_with_their_indices(scenes, workers):
    domain = scenes(5)
    found = list(predict.images(domain, predict.batches(range(5), 2), workers))
    assert [indices for indices, _ in found] == [range(2), range(2, 4), range(4, 5)]
    together = torch.cat([images for _, images in found])
    assert together.dtype == torch.uint8
    for index in range(5):
        assert np.array_equal(together[index].permute(1, 2, 0), domain.image(index))
