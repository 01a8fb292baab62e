"""Weights by name: where they cannot be downloaded, what to put where."""

import urllib.error

import pytest
import torch
from torchvision.models._api import WeightsEnum

from pipeline.model import backbones
from pipeline.runtime import parts
from pipeline.runtime.files import BadInput


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """torch's folder for weights, empty, on a machine without internet."""

    def offline(*_, **__):
        raise urllib.error.URLError("Temporary failure in name resolution")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(WeightsEnum, "get_state_dict", offline)
    return tmp_path / "checkpoints"


def test_without_internet_the_file_and_its_place_are_named(hub):
    with pytest.raises(BadInput) as error:
        backbones.weights("mobilenet_v3_large", "DEFAULT")
    told = str(error.value)
    assert "pretrained='DEFAULT': https://download.pytorch.org/models/mobilenet_v3_large-" in told
    assert "Temporary failure in name resolution" in told
    assert str(hub / "mobilenet_v3_large-5c1a4163.pth") in told
    assert "memory" not in told


def test_a_file_that_is_there_is_not_asked_for(hub):
    hub.mkdir()
    (hub / "mobilenet_v3_large-5c1a4163.pth").touch()
    assert backbones.weights("mobilenet_v3_large", "DEFAULT").url.endswith("5c1a4163.pth")


def test_an_unknown_name_lists_those_there_are(hub):
    with pytest.raises(BadInput, match="IMAGENET1K_V1"):
        backbones.weights("vgg16", "BEST")


# --- names ---------------------------------------------------------------------------------


def test_timms_families_are_backbones_and_torchvisions_stay():
    for name in ("deeplabv3plus", "deeplabv3", "fcn"):
        for backbone in (
            "resnet50", "timm/tf_efficientnet_lite4", "timm/efficientnet_b0", "timm/resnet26",
            "timm/convnextv2_nano", "timm/mobilenetv2_100", "timm/mobilenetv4_conv_small",
        ):  # fmt: skip
            given = {"backbone": backbone}
            assert parts.check_options("networks", name, given, "classes") == given


@pytest.mark.parametrize(
    ("backbone", "words"),
    [
        ("timm/rsnet18", "choose such as timm/resnet18, "),
        ("timm/tf_efficientnet_lite9", "choose such as timm/tf_efficientnet_lite"),
        ("timm/vit_base_patch16_224", "choose such as timm/tf_efficientnet_lite0, timm/resnet18"),
        ("timm/densenet121", "it is none of timm's EfficientNets, MobileNets, ResNets and ConvN"),
        ("timm/resnet18.a1_in1k", "timm/seresnet18, and name the weights as pretrained"),
        ("timm/", "it is none of timm's EfficientNets"),
        ("resnet18", "Input should be 'resnet50', 'resnet101', 'mobilenet' or timm/<name>"),
        (["resnet50"], "Input should be a valid string"),
    ],
)
def test_other_backbones_are_refused_with_what_works(backbone, words):
    with pytest.raises(BadInput) as error:
        parts.check_options("networks", "deeplabv3plus", {"backbone": backbone}, "classes")
    assert str(error.value).startswith(f"networks/deeplabv3plus: option backbone={backbone!r}: ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_true_is_no_name_of_torchvisions():
    with pytest.raises(BadInput, match=r"pretrained=True: resnet50 has no such weights; choose IM"):
        parts.build("networks", "fcn", {"pretrained": True}, classes=3)
    with pytest.raises(BadInput, match="option pretrained=False: Input should be a valid string"):
        parts.build("networks", "fcn", {"pretrained": False}, classes=3)
