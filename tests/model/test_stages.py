"""A backbone's maps of every stride."""

import pytest
import torch
from torchvision import models

from pipeline.model.stages import Normalised, Stages

IMAGE = torch.randint(0, 256, (1, 3, 64, 96), generator=torch.Generator().manual_seed(0))


def test_a_resnets_are_its_first_relus_and_its_layers():
    """The paper's five: conv1, res2c, res3d, res4f and res5c."""
    looking = Stages("resnet50", None).eval()
    plain = models.resnet50().eval()
    plain.load_state_dict({**plain.state_dict(), **looking.body.state_dict()})
    x = IMAGE.float() / 255
    with torch.no_grad():
        found = looking(x)
        y = plain.relu(plain.bn1(plain.conv1(x)))
        assert torch.equal(found[0], y)
        y = plain.maxpool(y)
        for at, layer in enumerate((plain.layer1, plain.layer2, plain.layer3, plain.layer4), 1):
            y = layer(y)
            assert torch.equal(found[at], y)
    assert len(found) == 5


@pytest.mark.parametrize(("name", "channels"), [
    ("mobilenet", [16, 24, 40, 112, 960]), ("timm/tf_efficientnet_lite0", [16, 24, 40, 112, 320])
])  # fmt: skip
def test_there_is_one_of_each_stride(name, channels):
    with torch.no_grad():
        found = Stages(name, None).eval()(IMAGE.float() / 255)
    sizes = [(64 // stride, 96 // stride) for stride in (2, 4, 8, 16, 32)]
    assert [tuple(each.shape[1:]) for each in found] == [
        (count, *size) for count, size in zip(channels, sizes, strict=True)
    ]


def test_drawn_weights_are_always_the_same():
    one, other = (Stages("timm/resnet18", None).state_dict() for _ in range(2))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_images_are_normalised_as_the_weights_want():
    looking = Normalised(Stages("timm/tf_efficientnet_lite0", "package:efficientnet-lite0")).eval()
    with torch.no_grad():
        found = looking(IMAGE)
        expected = looking.body((IMAGE / 255 - 0.5) / 0.5)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)
