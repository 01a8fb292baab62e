"""Weights by name: where they cannot be downloaded, what to put where."""

import urllib.error

import pytest
import torch
from torchvision.models._api import WeightsEnum

from pipeline.model import backbones
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
