"""Weights for timm's backbones: tags, files, what they want of images, and what is refused."""

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import pytest
import timm
import torch
from safetensors.torch import save_file

from pipeline.model import model
from pipeline.model.recipe import Normalisation, Recipe, described
from pipeline.runtime import parts
from pipeline.runtime.files import BadInput
from tests.nets import LITE0, PACKAGE, THREE, TIMM, pixels

HALF = Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@cache
def whole(name):
    torch.manual_seed(1)
    return timm.create_model(name).state_dict()


def built(name, options):
    network = parts.build("networks", name, options, classes=3)
    return network, getattr(network, "backbone", None) or network.body.backbone


def refused(**options):
    with pytest.raises(BadInput) as error:
        parts.build("networks", "deeplabv3plus", {"width": 8} | options, classes=3)
    assert "\n" not in str(error.value)
    return str(error.value)


# --- files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("key", TIMM)
@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_a_file_of_timms_names_is_taken_whole(key, ending, tmp_path):
    name, options = TIMM[key]
    state = whole(options["backbone"].removeprefix("timm/"))
    path = tmp_path / f"w.{ending}"
    save_file(state, path) if ending == "safetensors" else torch.save(state, path)
    _, backbone = built(name, options | {"pretrained": str(path)})
    own = backbone.body.state_dict()
    drawn = built(name, options)[1].body.state_dict()
    places = {k: k if k in state else k.replace("_", ".", 1) for k in own}
    assert all(torch.equal(own[k], state[place]) for k, place in places.items())
    assert not all(torch.equal(own[k], drawn[k]) for k in own)


def test_a_file_needs_no_classifier_and_all_else(tmp_path):
    path, state = tmp_path / "w.pth", dict(whole("resnet18"))
    resnet = {"backbone": "timm/resnet18", "pretrained": str(path)}
    for key in ("fc.weight", "fc.bias"):
        del state[key]
    torch.save(state, path)
    built("deeplabv3plus", resnet | {"width": 8})
    torch.save({k: v for k, v in state.items() if k != "layer1.0.conv1.weight"}, path)
    assert "w.pth: does not fit timm/resnet18: missing ['layer1.0.conv1.weight']" in refused(
        **resnet
    )
    torch.save(state | {"layer5.weight": torch.ones(1)}, path)
    assert "unexpected ['layer5.weight']" in refused(**resnet)
    torch.save(state | {"conv1.weight": torch.ones(1)}, path)
    assert "conv1.weight (1,) instead of (64, 3, 7, 7)" in refused(**resnet)
    torch.save(state | {"bn1.weight": torch.full((64,), torch.nan)}, path)
    assert "w.pth: of no use, as weights are NaN or infinite (bn1.weight" in refused(**resnet)
    path.write_bytes(b"no weights")
    assert "w.pth: cannot be read as weights" in refused(**resnet)


# --- tags ----------------------------------------------------------------------------------


@pytest.fixture
def timms(monkeypatch):
    """What timm is asked to make, which then has drawn weights, or `error`s where it downloads."""
    found, create = SimpleNamespace(asked=[], error=None), timm.create_model

    def made(name, pretrained=False, **given):
        found.asked.append((name, pretrained))
        if pretrained and found.error:
            raise found.error
        return create(name.partition(".")[0], **given)

    monkeypatch.setattr(timm, "create_model", made)
    return found


@pytest.mark.parametrize(
    ("backbone", "pretrained", "asked"),
    [
        ("timm/tf_efficientnet_lite0", True, "tf_efficientnet_lite0"),
        ("timm/resnet18", "tv_in1k", "resnet18.tv_in1k"),
        ("timm/efficientnet_b0", "ra4_e3600_r224_in1k", "efficientnet_b0.ra4_e3600_r224_in1k"),
    ],
)
def test_a_tag_is_timms_to_download(backbone, pretrained, asked, timms):
    given = {"backbone": backbone, "pretrained": pretrained, "width": 8}
    made = model.create(Recipe("deeplabv3plus", THREE, given), 0)
    assert timms.asked == [(asked, True)]
    config = timm.get_pretrained_cfg(asked)
    assert made.recipe.normalisation == Normalisation(config.mean, config.std)
    assert (made.recipe.normalisation == Normalisation()) == (backbone == "timm/resnet18")


def test_without_internet_the_file_to_fetch_is_named(timms):
    timms.error = OSError("Name or service not known\nand much more")
    said = refused(backbone="timm/resnet18", pretrained="a1_in1k")
    assert said.startswith("pretrained='a1_in1k': https://")
    assert "resnet18_a1_0-d63eafa0.pth cannot be downloaded (Name or service not known); " in said
    assert said.endswith("name its file here as pretrained")


def test_weights_that_timm_does_not_have_list_what_there_is(tmp_path):
    said = refused(backbone="timm/tf_efficientnet_lite0", pretrained="in21k")
    assert said.endswith(
        "and there is no such file; choose true, in1k, package:efficientnet-lite0, a file that is "
        "there"
    )
    assert "choose true, a1_in1k, a2_in1k" in refused(backbone="timm/resnet18", pretrained="x.pth")
    said = refused(backbone="timm/tf_efficientnet_es", pretrained=str(tmp_path))
    assert "timm has no such weights of timm/tf_efficientnet_es" in said
    said = refused(backbone="timm/efficientnet_b8", pretrained=True)
    assert said.endswith("there is no such file; choose a file that is there")


# --- normalisation -------------------------------------------------------------------------


def test_images_are_normalised_as_the_weights_want_it(tmp_path):
    made = model.create(Recipe("deeplabv3plus", THREE, PACKAGE), 0).eval()
    assert made.recipe.normalisation == HALF
    images, seen = pixels(1, 32, 32), []
    made.network.backbone.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        made(images)
    torch.testing.assert_close(seen[0], images / 127.5 - 1)
    drawn = model.create(Recipe("deeplabv3plus", THREE, LITE0), 0)
    assert drawn.recipe.normalisation == Normalisation()


def test_a_normalisation_that_is_named_goes_before_that_of_the_weights():
    named = Normalisation((1.0, 2.0, 3.0), bgr=True)
    made = model.create(Recipe("deeplabv3plus", THREE, PACKAGE, named), 0)
    assert made.recipe.normalisation == named


def test_a_model_is_loaded_without_the_weights_that_it_began_with(tmp_path, monkeypatch):
    made = model.create(Recipe("deeplabv3plus", THREE, PACKAGE), 0).eval()
    model.save(tmp_path / "m.pt", made)
    monkeypatch.setattr("pipeline.model.packages.located", None)
    loaded = model.load(tmp_path / "m.pt").eval()
    assert loaded.recipe == replace(made.recipe, options=LITE0)
    assert loaded.recipe.normalisation == HALF
    with torch.no_grad():
        assert torch.equal(loaded(pixels(1, 40, 56)).logits, made(pixels(1, 40, 56)).logits)


def test_a_mean_of_two_keeps_each_ones_normalisation(tmp_path):
    one, other = (model.create(Recipe("deeplabv3plus", THREE, o), 0) for o in (PACKAGE, LITE0))
    model.save(tmp_path / "m.pt", model.mean(one, other))
    found = model.load(tmp_path / "m.pt").recipe.mean
    assert [part.normalisation for part in found] == [HALF, Normalisation()]


def test_a_recipe_of_a_model_always_says_its_normalisation():
    """Files of models stay what they were: ImageNet's is written out."""
    made = model.create(Recipe("small", THREE, {"width": 4}), 0)
    assert described(made.recipe)["normalisation"] == {
        "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "scale": 1 / 255, "bgr": False,
    }  # fmt: skip


def test_the_backbone_is_the_packages_and_the_heads_are_drawn():
    one, other = (model.create(Recipe("deeplabv3plus", THREE, PACKAGE), seed) for seed in (1, 2))
    for (name, value), again in zip(one.named_parameters(), other.parameters(), strict=True):
        if value.dim() == 4:
            assert torch.equal(value, again) != name.startswith(one.heads), name
