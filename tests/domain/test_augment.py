"""What is drawn from an image and its label, and where it lies in them."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from pipeline.domain.augment import Augment
from pipeline.domain.taxonomy import IGNORE
from pipeline.domain.views import AugmentParams
from pipeline.training import losses
from tests.memory import AUGMENT, CLASSES, HEIGHT, WIDTH, Memory
from tests.references import upsample

# --- image and label -----------------------------------------------------------------------


def augmented(key=(0, 0, 0, 0), size=(HEIGHT, WIDTH), **changes):
    of = Memory(1, size=size)
    plain = {"crop_width": WIDTH, "crop_height": HEIGHT}
    return Augment(AugmentParams(**(plain | changes)))(of.image(0), of.label(0), key)


def keys(n):
    return [(1, 0, step, 0) for step in range(n)]


def inside(label, margin=1):
    """Where the eight neighbours have the same label: no edge of a cell is mixed in."""
    padded = F.pad(label[None, None].float(), (margin,) * 4, value=-1)
    size = 2 * margin + 1
    return F.max_pool2d(padded, size, 1)[0, 0] == -F.max_pool2d(-padded, size, 1)[0, 0]


def test_the_key_decides():
    given = {"scale": (0.5, 2), "colour": 0.5, "blur": 0.5}
    images = [augmented(key, **given) for key in keys(5)]
    for key, (image, label, _) in zip(keys(5), images, strict=True):
        again = augmented(key, **given)
        assert torch.equal(image, again[0])
        assert torch.equal(label, again[1])
        assert (image.shape, image.dtype) == ((3, HEIGHT, WIDTH), torch.uint8)
        assert (label.shape, label.dtype) == ((HEIGHT, WIDTH), torch.uint8)
    assert len({image.numpy().tobytes() for image, _, _ in images}) == 5


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 9), (9, 2), (3, 3)])
def test_a_crop_smaller_than_a_blur_is_blurred_as_far_as_it_goes(width, height):
    small = {"crop_width": width, "crop_height": height}
    for key in keys(3):
        image, label, _ = augmented(key, blur=1.0, **small)
        plain = augmented(key, blur=0.0, **small)
        assert torch.equal(label, plain.label)
        assert image.shape == (3, height, width)
        assert plain.image.amin() <= image.amin()
        assert image.amax() <= plain.image.amax()


@pytest.mark.parametrize("crop", [{"crop_width": 13, "crop_height": 9}, {}])
def test_flips_and_crops_move_image_and_label_together(crop):
    for key in keys(12):
        image, label, _ = augmented(key, **crop)
        assert torch.equal(image, torch.stack([20 * (label + 1)] * 3))


@pytest.mark.parametrize("scale", [(0.5, 0.5), (0.6, 1.0), (1.0, 2.2), (3.0, 3.0)])
def test_scales_move_image_and_label_together(scale):
    checked = 0
    for key in keys(12):
        image, label, _ = augmented(key, scale=scale)
        sure = inside(label) & (label != IGNORE)
        assert ((image[0].int() - 20 * (label.int() + 1)).abs()[sure] < 10).all()
        assert set(label.unique().tolist()) <= {*range(CLASSES), IGNORE}
        checked += sure.sum()
    assert checked > 12 * 60


@pytest.mark.parametrize("scale", [0.55, 0.7, 1.37, 2.0, 2.3])
def test_scales_leave_a_label_where_its_image_is(scale):
    columns = np.arange(60, dtype=np.uint8)
    label = np.broadcast_to(columns, (50, 60)).copy()
    for turned in (False, True):  # both axes
        given = np.ascontiguousarray(label.T) if turned else label
        image = np.stack([given * 4] * 3, -1)
        crop = AugmentParams(crop_width=20, crop_height=20, scale=(scale, scale), flip=0.0)
        for key in keys(4):
            moved, ids, _ = Augment(crop)(image, given, key)
            assert abs((moved[0] / 4 - ids.float()).mean()) < 0.15


def test_a_flip_mirrors():
    image, label, _ = augmented(flip=0.0)
    mirrored = augmented(flip=1.0)
    assert torch.equal(mirrored[0], image.flip(-1))
    assert torch.equal(mirrored[1], label.flip(-1))
    flipped = [torch.equal(augmented(key)[1], label) for key in keys(60)]
    assert 15 < sum(flipped) < 45


def test_what_a_crop_lacks_is_ignored():
    of = Memory(1, size=(HEIGHT, WIDTH))
    image, label, _ = augmented(crop_width=50, crop_height=40, flip=0.0)
    held = label != IGNORE
    assert held.sum() == HEIGHT * WIDTH
    assert np.array_equal(label[held].reshape(HEIGHT, WIDTH), of.label(0))
    assert (image[:, ~held] == 0).all()


def test_crops_reach_every_corner():
    seen = torch.zeros(2, 2)
    of = Memory(1, size=(3, 4))
    for key in keys(60):
        _, label, _ = Augment(AugmentParams(crop_width=3, crop_height=2, flip=0.0))(
            of.image(0), np.arange(12, dtype=np.uint8).reshape(3, 4), key
        )
        first = int(label[0, 0])
        assert np.array_equal(label, first + np.array([[0, 1, 2], [4, 5, 6]]))
        seen[divmod(first, 4)] += 1
    assert (seen > 5).all()


def test_colours_change_the_image_alone():
    changed = 0
    for key in keys(8):
        plain, vivid = augmented(key, scale=(0.7, 1.4)), augmented(
            key, scale=(0.7, 1.4), colour=0.5, blur=1.0
        )  # fmt: skip
        assert torch.equal(plain[1], vivid[1])
        changed += not torch.equal(plain[0], vivid[0])
    assert changed == 8


def test_arrays_that_are_kept_in_memory_are_not_written_to():
    of = Memory(1)
    image, label = of.image(0), of.label(0).copy()
    copies = image.copy(), label.copy()
    image.flags.writeable = label.flags.writeable = False
    Augment(AUGMENT)(image, label, (0, 0, 0, 0))
    assert np.array_equal(image, copies[0])
    assert np.array_equal(label, copies[1])


# --- windows -------------------------------------------------------------------------------

CROPS = [(13, 9), (48, 32), (60, 20), (20, 40), (70, 70)]  # width, height
SCALES = [(1.0, 1.0), (0.5, 1.0), (1.0, 2.2), (0.4, 2.5)]


def places(window, width, height):
    """x and y of the crop's pixel centres as fractions of the image's sides."""
    x0, y0, x1, y1 = window.double().tolist()
    x = x0 + (x1 - x0) * (np.arange(width) + 0.5) / width
    y = y0 + (y1 - y0) * (np.arange(height) + 0.5) / height
    return np.broadcast_to(x, (height, width)), np.broadcast_to(y[:, None], (height, width))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("crop", CROPS)
def test_a_window_says_where_in_the_image_each_pixel_lies(crop, scale):
    ramps = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    ramps[..., 0], ramps[..., 1] = 5 * np.arange(WIDTH), 5 * np.arange(HEIGHT)[:, None]
    label = np.zeros((HEIGHT, WIDTH), np.uint8)
    columns = np.broadcast_to(np.arange(WIDTH, dtype=np.uint8), label.shape)
    of = Augment(AugmentParams(crop_width=crop[0], crop_height=crop[1], scale=scale))
    flipped = 0
    for key in keys(12):
        image, held, window = of(ramps, label, key)
        _, ids, again = of(ramps, columns, key)
        assert torch.equal(window, again)
        x, y = places(window, *crop)
        inside = (x > 0) & (x < 1) & (y > 0) & (y < 1)
        assert np.array_equal(held != IGNORE, inside)
        for at, side, shown in ((x, WIDTH, image[0]), (y, HEIGHT, image[1])):
            off = shown.numpy()[inside] / 5 - (at[inside] * side - 0.5)
            assert np.abs(off).max() <= 0.6  # half a pixel, and a byte's rounding
        off = ids.numpy()[inside] - (x[inside] * WIDTH - 0.5)
        assert np.abs(off).max() <= 0.5001
        # half a pixel to one side would pass so far
        inner = inside & (x > 0.1) & (x < 0.9) & (y > 0.1) & (y < 0.9)
        if inner.any():
            off = image[0].numpy()[inner] / 5 - (x[inner] * WIDTH - 0.5)
            assert abs(off.mean()) < 0.11
        flipped += bool(window[2] < window[0])
    assert 2 <= flipped <= 10


def test_the_window_of_a_plain_view_is_the_image():
    assert augmented(flip=0.0).window.tolist() == [0, 0, 1, 1]
    assert augmented(flip=1.0).window.tolist() == [1, 0, 0, 1]
    x0, y0, x1, y1 = augmented(crop_width=60, crop_height=16, flip=0.0).window.tolist()
    assert x0 <= 0
    assert x1 >= 1
    assert x1 - x0 == pytest.approx(60 / WIDTH)
    assert 0 <= y0 < y1 <= 1
    assert y1 - y0 == pytest.approx(0.5)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("crop", CROPS)
def test_soft_labels_of_a_view_are_its_hard_ones_made_soft(crop, scale):
    grid = np.random.default_rng(4).normal(0, 3, (CLASSES, 4, 6)).astype(np.float16)
    hard = upsample(grid, HEIGHT, WIDTH).argmax(0).astype(np.uint8)
    image = np.stack([20 * (hard + 1)] * 3, -1)
    of = Augment(AugmentParams(crop_width=crop[0], crop_height=crop[1], scale=scale))
    found = []
    for key in keys(8):
        _, label, window = of(image, hard, key)
        soft, within = losses.soft_labels(
            torch.from_numpy(grid)[None], window[None], label.shape, torch.zeros(CLASSES), 4.0
        )
        assert torch.equal(within.reshape(label.shape), label != IGNORE)
        # half a pixel of the image is more than one of the crop where it is enlarged
        sure = inside(label, 2) & (label != IGNORE)
        found.append((soft.argmax(1).reshape(label.shape) == label)[sure])
    agreed = torch.cat(found)
    assert len(agreed) > 100
    assert agreed.float().mean() > 0.99  # a sliver between two pixels is in one of them alone


# --- rare classes --------------------------------------------------------------------------

RARE = 7


def mined(label, key, rare=(RARE,), **changes):
    label = np.asarray(label, np.uint8)
    plain = {"crop_width": 13, "crop_height": 8, "flip": 0.0, "mine": 1.0}
    image = np.stack([label] * 3, -1)
    return Augment(AugmentParams(**(plain | changes)))(image, label, key, rare)


def with_rare(*at):
    label = np.zeros((HEIGHT, WIDTH), np.uint8)
    for row, column in at:
        label[row, column] = RARE
    return label


def corner(view):
    """Left and top of a crop of the unscaled image, in pixels."""
    return round(view.window[0].item() * WIDTH), round(view.window[1].item() * HEIGHT)


def same(one, two):
    return all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("size", [(13, 8), (12, 9), (1, 1), (48, 8), (13, 32)])
def test_a_mined_crop_is_centred_on_the_rare_pixel_but_inside_the_image(size):
    width, height = size
    for key in keys(20):
        row, column = np.random.default_rng(key).integers(0, (HEIGHT, WIDTH))
        view = mined(with_rare((row, column)), key, crop_width=width, crop_height=height)
        left = np.clip(column - width // 2, 0, WIDTH - width)
        top = np.clip(row - height // 2, 0, HEIGHT - height)
        assert corner(view) == (left, top)
        assert view.label[row - top, column - left] == RARE


def test_every_pixel_of_a_rare_class_may_be_the_centre():
    at = [(4, 6), (16, 20), (27, 41)]  # so far apart that a crop holds one
    corners = [corner(mined(with_rare(*at), key)) for key in keys(60)]
    assert set(corners) == {(column - 6, row - 4) for row, column in at}
    assert min(corners.count(c) for c in set(corners)) > 5


@pytest.mark.parametrize("scale", [(0.5, 2.5), (0.3, 0.6), (2.0, 2.0)])
def test_a_mined_crop_of_a_scaled_image_holds_the_rare_class(scale):
    label = np.zeros((HEIGHT, WIDTH), np.uint8)
    label[20:24, 40:45] = RARE  # no scale loses it
    for key in keys(20):
        for flip in (0.0, 1.0):
            view = mined(label, key, scale=scale, flip=flip)
            assert (view.label == RARE).any()
            x, y = places(view.window, 13, 8)
            held = (view.label == RARE).numpy()
            assert np.abs(x[held] * WIDTH - 42.5).max() < 4
            assert np.abs(y[held] * HEIGHT - 22).max() < 4


@pytest.mark.parametrize("size", [(60, 40), (60, 9), (9, 40)])
def test_a_mined_crop_larger_than_the_image_holds_all_that_it_can(size):
    width, height = size
    for key in keys(20):
        row, column = np.random.default_rng(key).integers(0, (HEIGHT, WIDTH))
        view = mined(with_rare((row, column)), key, crop_width=width, crop_height=height)
        assert (view.label == RARE).sum() == 1
        left, top = (
            np.clip(centre - side // 2, min(whole - side, 0), max(whole - side, 0))
            for centre, side, whole in ((column, width, WIDTH), (row, height, HEIGHT))
        )
        assert corner(view) == (left, top)  # as near to the centre as without losing any
        held = min(width, WIDTH) * min(height, HEIGHT)
        assert (view.label != IGNORE).sum() == held


def test_one_of_the_rare_classes_that_a_label_holds_is_chosen():
    label = with_rare((4, 6))
    label[27, 40:48] = 9  # more pixels make no class likelier
    held = [mined(label, key, rare=(5, RARE, 9)).label for key in keys(60)]
    assert all(((h == RARE) | (h == 9)).any() for h in held)
    assert 15 < sum((h == RARE).any() for h in held) < 45


def test_crops_are_mined_with_their_chance():
    label = with_rare((4, 6))
    mined_ = sum(corner(mined(label, key, mine=0.3)) == (0, 0) for key in keys(100))
    plain = sum(corner(mined(label, key, mine=0.0)) == (0, 0) for key in keys(100))
    assert plain < 5
    assert 15 < mined_ < 45


@pytest.mark.parametrize("crop", [(13, 8), (60, 40)])
def test_without_mining_nothing_is_drawn_for_it(crop):
    given = {"crop_width": crop[0], "crop_height": crop[1], "flip": 0.5, "colour": 0.5}
    label = with_rare((4, 6), (20, 20))
    for key in keys(20):
        plain = mined(label, key, rare=(), mine=0.0, **given)
        assert same(mined(label, key, rare=(), mine=1.0, **given), plain)
        assert same(mined(label, key, rare=(RARE,), mine=0.0, **given), plain)


def test_a_rare_class_that_a_label_lacks_moves_no_crop():
    label = with_rare((4, 6))
    for key in keys(20):
        assert same(mined(label, key, rare=(5, 9)), mined(label, key, rare=()))


def test_the_key_decides_which_rare_pixel_is_chosen():
    label = with_rare((4, 6), (16, 20), (27, 41))
    for key in keys(8):
        assert same(mined(label, key), mined(label, key))
