"""Where cells look, by gradient, is where the code says that they lie; and what that is worth."""

from functools import cache

import numpy as np
import pytest
import timm
import torch
from timm.layers import LayerNorm2d, SqueezeExcite
from torch import nn
from torchvision.models.segmentation.deeplabv3 import ASPPPooling
from torchvision.ops import SqueezeExcitation

from pipeline import streets
from pipeline.domain.windows import centres, covered, same_padding
from pipeline.evaluation.scores import Confusion
from pipeline.inference import labelling, predict
from pipeline.model.timm_backbones import Timm
from pipeline.runtime import parts
from tests.nets import TIMM, options

OWN_POOLING = tuple(parts.find("networks", name) for name in ("fcn8s", "segnet"))

SIZES = (192, 201, 215)
CHEAP = {name: (name, options(name)) for name in parts.names("networks")}
MORE = {
    "deeplabv2, caffe": ("deeplabv2", {"aux": True}),
    "deeplabv2, caffe, 16": ("deeplabv2", {"output_stride": 16}),
    "deeplabv2, torchvision's": ("deeplabv2", {"caffe": False}),
}
NETWORKS = CHEAP | MORE | TIMM
BLURRED = {
    "small": 3.0, "deeplabv3plus": 5.0, "deeplabv3plus, lite0": 5.0, "deeplabv3plus, convnext": 5.0,
    "fcn8s": 7.0, "segnet": 12.0,
}  # fmt: skip
"""Pixels of noise where coarse maps are stretched within, or the gradient goes by maxima."""

EXACT = {"deeplabv2, caffe", "deeplabv2, caffe, 16", "deeplabv2", "segnet", *TIMM}
"""Those whose cells lie where they look; others' look a constant before it, which they learn."""


def narrow(network):
    """A network whose convolutions see the middle of what they cover, and hardly more.

    Nothing of it looks at the whole image, and its poolings look at all that they cover.
    """
    for module in list(network.modules()):
        for name, part in module.named_children():
            if isinstance(part, SqueezeExcitation | SqueezeExcite | LayerNorm2d):
                setattr(module, name, nn.Identity())
            if isinstance(part, nn.MaxPool2d) and not isinstance(network, OWN_POOLING):
                mean = nn.AvgPool2d(part.kernel_size, part.stride, part.padding, part.ceil_mode)
                setattr(module, name, mean)
        if isinstance(module, nn.Conv2d):
            kernel, inside = module.weight.shape[-1], module.weight.shape[1]
            weight = torch.full_like(module.weight, 0.01 / inside)
            middle = slice((kernel - 1) // 2, kernel // 2 + 1)
            weight[..., middle, middle] = 1 / inside
            module.weight.data = weight
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in network.modules():
        if isinstance(module, ASPPPooling):
            nn.init.zeros_(module[1].weight)
    return network.eval()


def looks(map_of, images, cells):
    """The column of pixels that each of `cells` columns of a map sees, weighed by its gradient."""
    found = map_of(images)
    columns = torch.arange(images.shape[-1])
    for cell in cells:
        (slope,) = torch.autograd.grad(found[..., cell].sum(), images, retain_graph=True)
        seen = slope.square().sum((0, 1, 2))
        yield float((seen * columns).sum() / seen.sum())


def noise(width):
    torch.manual_seed(width)
    return (torch.rand(2, 3, 32, width) / 1000).requires_grad_()  # below where ReLU6 is flat


@cache
def built(key):
    name, given = NETWORKS[key]
    torch.manual_seed(0)
    return narrow(parts.build("networks", name, given, classes=3))


@cache
def found(key):
    """Columns that a network's cells look at less where they lie, at each of SIZES: pixels."""
    network, apart = built(key), {}
    for width in SIZES:
        images = noise(width)
        outputs = network(images)
        n = outputs.logits.shape[-1]
        count = 8 if key in BLURRED else 4
        cells = np.unique(np.linspace(n // 6, n - n // 6 - 1, count).round().astype(int))
        seen = np.array(list(looks(lambda x: network(x).logits, images, cells)))
        sizes = outputs.logits.shape[2:], images.shape[2:]
        (_, first), (_, step) = centres(outputs.over.logits, *sizes)
        apart[width] = cells, seen - (first + step * cells)
    return apart


@pytest.mark.parametrize("key", NETWORKS)
def test_cells_look_where_they_lie_or_a_constant_before(key):
    means, noise = [], BLURRED.get(key, 0.1)
    for cells, apart in found(key).values():
        assert abs(np.polyfit(cells, apart, 1)[0]) * (cells[-1] - cells[0]) < noise
        means.append(apart.mean())
    assert np.ptp(means) < noise / 2, means
    if key in EXACT:
        assert abs(np.mean(means)) < noise / 2, means


@pytest.mark.parametrize("width", [*SIZES, 208, 225])
def test_same_padding_is_where_timms_networks_look(width):
    """Those whose name begins with tf_, whose cells move with the image's size."""
    network = narrow(timm.create_model("tf_efficientnet_lite0", features_only=True))
    images = noise(width)
    with torch.no_grad():
        cells = [maps.shape[-1] for maps in network(images)]
    for level, n in enumerate(cells):
        at = np.arange(n // 2 - 1, n // 2 + 2)
        seen = np.array(list(looks(lambda x, level=level: network(x)[level], images, at)))
        first, step = same_padding(width, level + 1), 2 ** (level + 1)
        np.testing.assert_allclose(seen, first + step * at, atol=0.3)
        window = covered((1, n), (1, width), step, (0.0, first))
        np.testing.assert_allclose(centres(window, (1, n), (1, width))[0][1], first, atol=1e-9)


BACKBONES = [
    "tf_efficientnet_lite0", "tf_mobilenetv3_small_minimal_100", "mobilenetv2_035", "resnet18",
    "convnext_atto", "mobilenetv3_small_050", "mobilenetv4_conv_small",
]  # fmt: skip


@pytest.mark.parametrize("stride", [8, 16])
@pytest.mark.parametrize("name", BACKBONES)
def test_each_map_of_timms_looks_where_it_lies(name, stride):
    torch.manual_seed(0)
    network = narrow(Timm(f"timm/{name}", stride, None, ("low", "aux", "out")))
    for width in SIZES:
        images = noise(width)
        maps = network(images)
        for key, window in network.over(maps, images).items():
            n = maps[key].shape[-1]
            at = np.arange(n // 2 - 1, n // 2 + 2)
            seen = np.array(list(looks(lambda _, found=maps[key]: found, images, at)))
            (_, first), (_, step) = centres(window, maps[key].shape[2:], images.shape[2:])
            assert step == pytest.approx({"low": 4, "out": stride}.get(key, step))
            np.testing.assert_allclose(seen, first + step * at, atol=0.3)


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet18", "convnext_atto"])
def test_the_coarse_map_lies_under_the_fine_one(name):
    """DeepLabV3+ without its skip: what comes from stride 16 is seen where the cells of 4 lie."""
    torch.manual_seed(0)
    given = {"backbone": f"timm/{name}", "width": 8}
    network = narrow(parts.build("networks", "deeplabv3plus", given, classes=3))
    nn.init.zeros_(network.head.skip[0].weight)
    for width in SIZES:
        images = noise(width)
        outputs = network(images)
        at = np.arange(16, 24)  # a whole number of coarse cells
        seen = np.array(list(looks(lambda _, found=outputs.logits: found, images, at)))
        sizes = outputs.logits.shape[2:], images.shape[2:]
        (_, first), (_, step) = centres(outputs.over.logits, *sizes)
        assert abs((seen - (first + step * at)).mean()) < 0.5


# --- an oracle: what true labels lose on a network's grid -------------------------------------


CLASSES, STREETS = 19, 4
TOLERANCE = 0.25  # points, of hundredths of pixels


@cache
def labels(height, width):
    return np.stack([streets.render("city", 0, n, width, height)[1] for n in range(STREETS)])


def miou(truth, predictions):
    confusion = Confusion(CLASSES)
    for label, prediction in zip(truth, predictions, strict=True):
        confusion.add(label, prediction)
    return float(np.nanmean(confusion.iou()))


def stretched(places, values, length):
    """Bilinear along the last axis: values (..., cells) at `places` to pixels."""
    flat = values.reshape(-1, len(places))
    wide = np.stack([np.interp(np.arange(length), places, row) for row in flat])
    return wide.reshape(*values.shape[:-1], length)


def where_they_look(key, outputs, size):
    """Rows' and columns' pixels, but for the constant that a network learns."""
    learned = np.mean([apart.mean() for _, apart in found(key).values()])
    cells = outputs.logits.shape[2:]
    for first, step, n, side in zip(*centres(outputs.over.logits, cells, size), cells, size,
                                    strict=True):  # fmt: skip
        moved = 0 if key in BLURRED else found(key)[side][1].mean() - learned
        yield first + step * np.arange(n) + moved


@pytest.mark.parametrize("key", NETWORKS)
@pytest.mark.parametrize("size", [(192, 201), (215, 192)])
def test_labels_on_a_networks_grid_lose_nothing_by_where_they_are_put(key, size):
    truth = labels(*size)
    with torch.no_grad():
        outputs = built(key)(torch.zeros(1, 3, *size))
    down, across = where_they_look(key, outputs, size)
    rows, columns = (at.round().astype(int) for at in (down, across))
    cells = truth[:, rows.clip(0, size[0] - 1)[:, None], columns.clip(0, size[1] - 1)]
    logits = 8.0 * (np.arange(CLASSES)[:, None, None] == cells[:, None])
    logits += np.random.default_rng(0).normal(0, 0.01, logits.shape)  # there are no equals
    wide = stretched(down, stretched(across, logits, size[1]).swapaxes(2, 3), size[0])
    best = miou(truth, wide.swapaxes(2, 3).argmax(1).astype(np.uint8))

    given, over = torch.from_numpy(logits).float(), outputs.over.logits
    assert miou(truth, predict.labels(given, *size, over).numpy()) > best - TOLERANCE
    stride = max(1, round(min(np.divide(size, given.shape[2:]))))
    stored, kept = predict.grid(given, *size, stride, over)
    assert (stored.shape, kept) == (given.shape, over)  # nothing is filtered away
    grids = stored.numpy().astype(np.float32)
    fused = [labelling.measure(grid, *size, window=over)[0] for grid in grids]
    assert miou(truth, fused) > best - TOLERANCE
    if "caffe" in key:
        assert miou(truth, predict.labels(given, *size).numpy()) < best - 1
