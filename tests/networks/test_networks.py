"""Every network keeps the contract; models are saved, loaded and refused."""

import inspect
import pickle
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.models import WeightsEnum, segmentation

from pipeline.domain.taxonomy import CITYSCAPES
from pipeline.model import model, several
from pipeline.model.outputs import Outputs
from pipeline.model.recipe import Normalisation, Recipe
from pipeline.runtime import parts
from pipeline.runtime.files import BadInput
from tests.nets import THREE, TIMM, options, pixels

FEW = 40  # weights, of which a deviation is no measure


def small(taxonomy=THREE, seed=0, **changes):
    return model.create(replace(Recipe("small", taxonomy, {"width": 8}), **changes), seed)


def equal(one, two):
    states = [m.state_dict() for m in (one, two)]
    return states[0].keys() == states[1].keys() and all(
        torch.equal(states[0][key], states[1][key]) for key in states[0]
    )


# --- the contract --------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[*parts.names("networks"), *TIMM])
def made(request):
    name, given = TIMM.get(request.param) or (request.param, options(request.param))
    return model.create(Recipe(name, THREE, given), seed=0).eval()


@pytest.mark.parametrize(("n", "height", "width"), [(1, 64, 96), (2, 33, 47), (1, 97, 65)])
def test_images_of_any_size_give_logits_on_a_grid(made, n, height, width):
    with torch.inference_mode():
        outputs = made(pixels(n, height, width))
    assert outputs.logits.shape[:2] == (n, 3)
    rows, columns = outputs.logits.shape[2:]
    for cells, length in ((rows, height), (columns, width)):
        assert 1 <= cells <= length
        assert abs(length / cells - height / rows) < 2 * height / rows  # one stride for both sides
    assert outputs.logits.isfinite().all()
    assert outputs.features is None or len(outputs.features) == n


def test_logits_are_what_the_classifier_makes_of_the_features(made):
    """Where a network has a `classifier`, a second one may stand beside it."""
    if (classifier := getattr(made.network, "classifier", None)) is None:
        with pytest.raises(BadInput, match="has no classifier of its features"):
            several.with_second(made, 0)
        return
    with torch.no_grad():
        found = made(pixels(1, 64, 96))
        torch.testing.assert_close(classifier(found.features), found.logits)
        double = several.with_second(made, 1).eval()
        both = double(pixels(1, 64, 96))
    torch.testing.assert_close(both.each[0], found.logits)
    torch.testing.assert_close(both.logits, sum(both.each))
    assert not torch.allclose(*both.each)
    for one, other in zip(classifier.parameters(), double.second.parameters(), strict=True):
        if one.numel() > FEW:  # drawn as the network draws its own
            torch.testing.assert_close(one.std(), other.std(), rtol=0.2, atol=1e-6)
    assert model.channels(made) == found.features.shape[1]
    assert several.with_second(double, 5) is double


def test_a_second_classifier_is_saved_and_loaded(tmp_path):
    images = pixels(2, 40, 56)
    one, other = (several.with_second(small(), seed).eval() for seed in (1, 2))
    assert equal(one, several.with_second(small(), 1))
    assert not equal(one, other)
    model.save(tmp_path / "two.pt", one)
    found = model.load(tmp_path / "two.pt").eval()
    assert found.recipe.second
    assert torch.equal(found(images).logits, one(images).logits)


def test_every_parameter_gets_a_gradient(made):
    torch.manual_seed(0)  # of dropout
    made = deepcopy(made).train()
    for part in made.modules():
        if isinstance(part, nn.BatchNorm2d) and not part.weight.any():
            nn.init.ones_(part.weight)  # some begin with 0, and block what is before them
    outputs = made(pixels(2, 65, 65))
    maps = [outputs.logits] + ([] if outputs.aux is None else [outputs.aux])
    sum((m * torch.randn_like(m)).sum() for m in maps).backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_heads_are_parameters_among_which_are_the_classifiers(made):
    names = [name for name, _ in made.network.named_parameters()]
    heads = [name for name in names if name.startswith(made.network.heads)]
    with torch.device("meta"):
        recipe = made.recipe
        more = parts.build("networks", recipe.network, recipe.options, classes=4)
    shapes = {name: p.shape for name, p in more.named_parameters()}
    by_class = [n for n, p in made.network.named_parameters() if shapes[n] != p.shape]
    assert by_class
    assert set(by_class) <= set(heads)
    assert all(prefix.endswith(".") for prefix in made.network.heads)
    assert names[0] not in heads


DOWNLOADING = [
    name
    for name in parts.names("networks")
    if "pretrained" in inspect.signature(parts.find("networks", name)).parameters
]


@pytest.mark.parametrize("name", DOWNLOADING)
def test_heads_are_drawn_anew_whatever_is_pretrained(name, monkeypatch):
    given = options(name)
    monkeypatch.setattr(WeightsEnum, "get_state_dict", ones)
    network = parts.build("networks", name, given | {"pretrained": "DEFAULT"}, classes=3)
    named = dict(network.named_parameters())
    taken = {key for key, value in named.items() if (value == 1).all()}
    convolutions = {key for key, value in named.items() if value.dim() == 4}
    assert len(taken & convolutions) >= 13  # a batch norm's weights are 1 anyway
    assert not [key for key in taken & convolutions if key.startswith(network.heads)]


def ones(weights, *_, **__):
    """A state dict of ones for a network of torchvision, which takes no memory."""
    by_weights = (n for n in models.list_models() if models.get_model_weights(n) is type(weights))
    with torch.device("meta"):
        found = models.get_model(next(by_weights)).state_dict()
    return {k: torch.ones((), dtype=v.dtype).expand(v.shape) for k, v in found.items()}


def test_an_image_is_predicted_alike_alone_and_in_a_batch(made):
    images = pixels(3, 40, 56)
    with torch.inference_mode():
        alone, together = made(images[1:2]).logits[0], made(images).logits[1]
    torch.testing.assert_close(alone, together, rtol=1e-3, atol=1e-4)


def test_a_saved_model_is_loaded_as_it_was(made, tmp_path):
    for place in ("a/m.pt", "b/another.pt"):
        model.save(tmp_path / place, made)
    loaded = model.load(tmp_path / "a/m.pt")
    images = pixels(1, 32, 48)
    with torch.inference_mode():
        assert torch.equal(loaded.eval()(images).logits, made(images).logits)
    assert equal(loaded, made)
    assert loaded.recipe == made.recipe
    model.save(tmp_path / "b/again.pt", loaded)
    contents = [path.read_bytes() for path in sorted(tmp_path.rglob("*.pt"))]
    assert len(contents) == 3
    assert len(set(contents)) == 1


# --- seeds ---------------------------------------------------------------------------------


def test_the_seed_decides_the_weights_and_leaves_the_callers_generator():
    state = torch.get_rng_state()
    assert equal(small(seed=3), small(seed=3))
    assert not equal(small(seed=3), small(seed=4))
    assert torch.equal(torch.get_rng_state(), state)


# --- normalisation -------------------------------------------------------------------------


class Echo(nn.Module):
    def forward(self, x):
        return Outputs(x)


NORMS = [
    Normalisation(),
    Normalisation(bgr=True),
    Normalisation((104.0, 116.7, 122.7), (1.0, 1.0, 1.0), 1.0, bgr=True),
    Normalisation((0.5, 0.5, 0.5), (0.25, 0.5, 1.0), 1 / 255),
]


@pytest.mark.parametrize("norm", NORMS)
def test_normalisation_is_exact_and_travels_with_the_weights(norm, tmp_path):
    model.save(tmp_path / "m.pt", small(normalisation=norm))
    loaded = model.load(tmp_path / "m.pt")
    assert loaded.recipe.normalisation == norm
    loaded.network = Echo()
    images = pixels(2, 5, 7)
    given = images.numpy().astype(np.float32)[:, ::-1] if norm.bgr else images.numpy()
    mean, std = (np.float32(v).reshape(1, 3, 1, 1) for v in (norm.mean, norm.std))
    expected = (given.astype(np.float32) * np.float32(norm.scale) - mean) / std
    assert np.array_equal(loaded(images).logits.numpy(), expected)


def test_weights_do_not_hold_the_normalisation():
    assert {key.split(".")[0] for key in small().state_dict()} == {"network"}


# --- weights from files --------------------------------------------------------------------


def state(**changes):
    found = small(seed=7).network.state_dict() | changes
    return {key: value for key, value in found.items() if value is not None}


def recipe():
    return Recipe("small", THREE, {"width": 8})


def wrapped(found):
    return {"recipe": {}, "weights": {f"network.{key}": value for key, value in found.items()}}


@pytest.mark.parametrize("form", [lambda s: s, wrapped], ids=["a state dict", "a model"])
def test_weights_of_a_file_are_taken(form, tmp_path):
    torch.save(form(state()), tmp_path / "w.pt")
    assert equal(model.create(recipe(), 0, tmp_path / "w.pt"), small(seed=7))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classifier.bias": None}, ["missing ['classifier.bias']"]),
        ({"head.extra": torch.ones(2)}, ["unexpected ['head.extra']"]),
        ({"classifier.bias": torch.ones(19)}, ["classifier.bias (19,) instead of (3,)"]),
        ({"classifier.bias": "zeros"}, ["classifier.bias"]),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(changes, words, tmp_path):
    torch.save(state(**changes), tmp_path / "w.pt")
    with pytest.raises(BadInput) as error:
        model.create(recipe(), 0, tmp_path / "w.pt")
    for word in [str(tmp_path / "w.pt"), *words]:
        assert word in str(error.value)


def test_a_model_whose_weights_do_not_fit_its_recipe_is_refused(tmp_path):
    model.save(tmp_path / "m.pt", small())
    content = torch.load(tmp_path / "m.pt")
    content["weights"]["network.classifier.bias"] = torch.ones(4)
    torch.save(content, tmp_path / "m.pt")
    with pytest.raises(BadInput, match=r"(?s)m\.pt.*classifier\.bias"):
        model.load(tmp_path / "m.pt")


class Bomb:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def damaged(folder, marker):
    """Files that are no checkpoint, by what is wrong with them."""
    whole = folder / "whole.pt"
    model.save(whole, small())
    content = whole.read_bytes()
    contents = {
        "empty": b"",
        "text": b"not a checkpoint\n",
        "noise": np.random.default_rng(0).bytes(5000),
        "truncated": content[: len(content) // 2],
        "without its end": content[:-1],
        "a pickle with code": pickle.dumps(Bomb(marker), protocol=2),
    }
    for name, value in contents.items():
        (folder / name).write_bytes(value)
    for name, value in {
        "a checkpoint with code": {"recipe": {}, "weights": Bomb(marker)},
        "a list": [torch.ones(1)],
        "a tensor": torch.ones(3),
        "a number": 3,
        "weights that are none": {"recipe": {}, "weights": 3},
        "a half recipe": {"recipe": {"network": "small"}, "weights": {}},
    }.items():
        torch.save(value, folder / name)
    old = {"recipe": {}, "weights": Bomb(marker)}
    torch.save(old, folder / "an old checkpoint with code", _use_new_zipfile_serialization=False)
    (folder / "a folder").mkdir()
    whole.unlink()
    return [*sorted(folder.iterdir()), folder / "no such file"]


@pytest.mark.parametrize("use", [model.load, lambda path: model.create(recipe(), 0, path)],
                         ids=["load", "create"])  # fmt: skip
def test_what_is_no_checkpoint_is_refused_and_never_run(use, tmp_path):
    marker = tmp_path / "ran"
    (tmp_path / "files").mkdir()
    files = damaged(tmp_path / "files", marker)
    for path in files:
        with pytest.raises(BadInput) as error:
            use(path)
        assert str(path) in str(error.value)
    assert len(files) == 15
    assert not marker.exists()


def test_the_code_of_the_pickles_would_run_if_it_were_let(tmp_path):
    marker = tmp_path / "ran"
    pickle.loads(pickle.dumps(Bomb(marker)))
    assert marker.exists()


def test_a_recipe_with_an_unknown_network_or_option_is_refused():
    for changes, word in (({"network": "smal"}, "small"), ({"options": {"depth": 3}}, "depth")):
        with pytest.raises(BadInput, match=word):
            small(**changes)


# --- sizes ---------------------------------------------------------------------------------


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_small_is_small():
    assert 0.4e6 < count(model.create(Recipe("small", CITYSCAPES), 0)) < 0.7e6


PUBLISHED = {
    ("deeplabv3", "resnet50"): segmentation.DeepLabV3_ResNet50_Weights,
    ("deeplabv3", "resnet101"): segmentation.DeepLabV3_ResNet101_Weights,
    ("deeplabv3", "mobilenet"): segmentation.DeepLabV3_MobileNet_V3_Large_Weights,
    ("fcn", "resnet50"): segmentation.FCN_ResNet50_Weights,
    ("fcn", "resnet101"): segmentation.FCN_ResNet101_Weights,
}


@pytest.mark.parametrize(("name", "backbone"), PUBLISHED)
def test_torchvisions_networks_have_the_published_size(name, backbone):
    published = PUBLISHED[name, backbone].DEFAULT.meta["num_params"]
    given = {"backbone": backbone, "aux": True}
    with torch.device("meta"):
        voc, city = (parts.build("networks", name, given, classes=n) for n in (21, 19))
        lean = parts.build("networks", name, {"backbone": backbone}, classes=19)
    assert count(voc) == published
    last = [m for m in city.modules() if isinstance(m, nn.Conv2d) and m.out_channels == 19]
    assert len(last) == 2
    assert count(voc) - count(city) == sum(2 * (m.in_channels + 1) for m in last)
    assert 0 < count(lean) < count(city)
    assert lean.body.aux_classifier is None


def of_torchvision(name, dropped):
    """Parameters of a classifier as torchvision publishes them, without its last layers."""
    return models.get_model_weights(name).DEFAULT.meta["num_params"] - dropped


RESNET101 = of_torchvision("resnet101", 2048 * 1000 + 1000)
MILLIONS = [
    # Long et al., CVPR 2015, table 1: 134 M; VGG-16 without its last layer, and three scores
    ("fcn8s", {}, 21, (of_torchvision("vgg16", 4097 * 1000) + 21 * (4097 + 513 + 257)) / 1e6),
    # Paszke et al., ENet, 2016, table 3: 29.46 M, which it has with SUN RGB-D's 37 classes
    ("segnet", {}, 37, 29.46),
    # Chen et al., TPAMI 2018: ResNet-101, and four 3x3 convolutions to the classes
    ("deeplabv2", {}, 19, (RESNET101 + 4 * 19 * (2048 * 9 + 1)) / 1e6),
    # AdaptSegNet's two levels
    ("deeplabv2", {"aux": True}, 19, (RESNET101 + 4 * 19 * (3072 * 9 + 2)) / 1e6),
    # ... of which its early return leaves half of the classifiers
    ("deeplabv2", {"aux": True, "dilations": 2}, 19, (RESNET101 + 2 * 19 * (3072 * 9 + 2)) / 1e6),
    # Xie et al., NeurIPS 2021, table 1 (a), 150 classes
    *[
        ("segformer", {"size": f"b{i}"}, 150, published)
        for i, published in enumerate((3.8, 13.7, 27.5, 47.3, 64.1, 84.7))
    ],
]


@pytest.mark.parametrize(("name", "given", "classes", "published"), MILLIONS)
def test_networks_have_their_papers_sizes(name, given, classes, published):
    with torch.device("meta"):
        found = count(parts.build("networks", name, given, classes=classes)) / 1e6
    places = 6 if name in {"fcn8s", "deeplabv2"} else 1 if name == "segformer" else 2
    assert round(found, places) == round(published, places)


def test_segformer_refuses_images_smaller_than_its_attention():
    network = parts.build("networks", "segformer", {}, classes=3).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 29, 32)).logits.shape == (1, 3, 8, 8)
        with pytest.raises(BadInput, match=r"images of 32x28 are too small; .* 29 or more"):
            network(torch.zeros(1, 3, 28, 32))


@pytest.mark.parametrize("backbone", ["resnet50", "resnet101"])
def test_deeplabv3plus_is_its_backbone_aspp_and_decoder(backbone):
    with torch.device("meta"):
        network = parts.build("networks", "deeplabv3plus", {"backbone": backbone}, classes=19)
        aspp = count(segmentation.deeplabv3.ASPP(2048, (6, 12, 18)))
    decoder = 48 * (256 + 2) + 256 * (304 * 9 + 2) + 256 * (256 * 9 + 2) + 19 * 257
    own = of_torchvision(backbone, 2048 * 1000 + 1000)
    assert count(network) == own + aspp + decoder


@pytest.mark.parametrize("name", ["deeplabv3", "deeplabv3plus"])
@pytest.mark.parametrize("backbone", ["resnet50", "mobilenet"])
def test_an_output_stride_moves_no_weight(name, backbone):
    found = {}
    for stride in (8, 16):
        given = {"backbone": backbone, "output_stride": stride}
        torch.manual_seed(0)
        with torch.device("meta"):
            network = parts.build("networks", name, given, classes=3)
            found[stride] = {k: v.shape for k, v in network.state_dict().items()}
            body = network.body.backbone if name == "deeplabv3" else network.backbone
            assert body(torch.empty(2, 3, 128, 192))["out"].shape[2:] == (
                128 // stride,
                192 // stride,
            )
            rates = {m.dilation[0] for m in network.modules() if isinstance(m, nn.Conv2d)}
        assert {6 * 16 // stride, 12 * 16 // stride, 18 * 16 // stride} <= rates
    assert found[8] == found[16]


@pytest.mark.parametrize("caffe", [True, False])
@pytest.mark.parametrize(("stride", "cells", "third", "fourth"), [(8, 8, 2, 4), (16, 4, 1, 2)])
def test_deeplabv2_has_an_output_stride(caffe, stride, cells, third, fourth):
    with torch.device("meta"):
        given = {"caffe": caffe, "aux": True, "output_stride": stride}
        network = parts.build("networks", "deeplabv2", given, classes=3)
        found = network(torch.empty(1, 3, 64, 64))
        plain = parts.build("networks", "deeplabv2", {"aux": True}, classes=3)
    sides = {found.logits.shape[-1], found.aux.shape[-1]}
    assert sides == {cells + caffe}  # its pooling rounds up
    shapes = [{k: v.shape for k, v in each.state_dict().items()} for each in (network, plain)]
    assert shapes[0] == shapes[1]
    assert [conv.dilation[0] for conv in network.head] == [48 // stride * n for n in (1, 2, 3, 4)]
    for layer, after in ((network.backbone.layer3, third), (network.backbone.layer4, fourth)):
        rates = [block.conv2.dilation[0] for block in layer]
        assert rates == [after if caffe else max(after // 2, 1)] + [after] * (len(rates) - 1)
        assert all(block.conv2.padding == block.conv2.dilation for block in layer)
        strides = (layer[0].conv1.stride[0], layer[0].conv2.stride[0])
        whole = 2 if layer is network.backbone.layer3 and stride > 8 else 1
        assert strides == ((whole, 1) if caffe else (1, whole))
    with pytest.raises(BadInput, match="output_stride: vgg16 has 8 alone"):
        parts.build("networks", "deeplabv2", {"backbone": "vgg16", "output_stride": 16}, classes=3)


def test_weights_that_torchvision_does_not_have_are_refused():
    for name, given in (("fcn", {}), ("fcn8s", {}), ("deeplabv3plus", {"backbone": "mobilenet"})):
        with pytest.raises(BadInput, match=r"pretrained='V9'.*choose IMAGENET1K_V1"):
            parts.build("networks", name, given | {"pretrained": "V9"}, classes=3)


@pytest.mark.parametrize("name", ["deeplabv3", "deeplabv3plus"])
def test_one_image_by_itself_trains_what_pools_it(name):
    network = parts.build("networks", name, {"backbone": "mobilenet"}, classes=3).train()
    before = {k: v.clone() for k, v in network.state_dict().items() if "convs.4" in k}
    found = network(torch.randn(1, 3, 64, 64)).logits
    found.sum().backward()
    assert found.isfinite().all()
    pooled = [p for key, p in network.named_parameters() if "convs.4" in key]
    assert pooled
    assert all(p.grad is not None for p in pooled)
    after = network.state_dict()
    assert all(torch.equal(after[k], v) for k, v in before.items())  # no variance to learn from
    network(torch.randn(2, 3, 64, 64))
    assert not all(torch.equal(after[k], v) for k, v in before.items())
