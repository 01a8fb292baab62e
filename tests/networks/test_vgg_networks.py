"""What FCN-8s and SegNet do of their own."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pipeline.model import backbones
from pipeline.networks import segnet
from pipeline.runtime import parts


def test_fully_connected_layers_become_convolutions(monkeypatch):
    """A 7x7 map through conv6 is what the first fully connected layer makes of it."""
    weight = torch.arange(512 * 49.0)
    state = {
        "classifier.0.weight": weight.expand(4096, -1),
        "classifier.0.bias": torch.ones(4096),
        "classifier.3.weight": torch.full((1,), torch.nan).expand(4096, 4096),  # some files' own
        "classifier.3.bias": torch.full((4096,), torch.nan),
    }
    given = type("Weights", (), {"get_state_dict": lambda *_, **__: state})()
    monkeypatch.setattr(backbones, "weights", lambda *_: given)
    with torch.device("meta"):
        network = parts.build("networks", "fcn8s", {}, classes=2)
    network.conv6 = nn.utils.skip_init(nn.Conv2d, 512, 4096, 7, padding=3)
    network.conv7 = nn.Conv2d(4096, 4096, 1)
    network._take_classifier("DEFAULT")
    x = torch.randn(1, 512, 7, 7)
    with torch.inference_mode():
        middle = F.conv2d(x, network.conv6.weight[:3], network.conv6.bias[:3])
    torch.testing.assert_close(middle.flatten(), F.linear(x.flatten(), weight[None]).expand(3) + 1,
                               rtol=1e-4, atol=50)  # fmt: skip
    assert network.conv7.weight.isfinite().all()


def test_scores_of_three_depths_are_summed():
    network = parts.build("networks", "fcn8s", {"width": 4}, classes=3).eval()
    x = torch.randn(1, 3, 70, 90)
    for score in (network.score3, network.score4, network.score7):
        nn.init.zeros_(score.weight)
        nn.init.zeros_(score.bias)
    assert not network(x).logits.any()
    for number, score in enumerate((network.score3, network.score4, network.score7), 1):
        nn.init.constant_(score.bias, 10.0**number)
    logits = network(x).logits
    assert logits.shape == (1, 3, 9, 12)
    torch.testing.assert_close(logits, torch.full_like(logits, 1110.0))


@pytest.mark.parametrize(("height", "width"), [(8, 12), (9, 13), (1, 7)])
def test_unpooling_is_torchs(height, width):
    before = torch.randn(2, 3, height, width)
    pooled, places = F.max_pool2d(before, 2, 2, ceil_mode=True, return_indices=True)
    x = torch.randn_like(pooled)
    expected = F.max_unpool2d(x, places, 2, 2, output_size=before.shape)
    assert torch.equal(segnet.unpool(x, places, before.shape), expected)


def test_segnet_has_thirteen_convolutions_down_and_thirteen_up():
    with torch.device("meta"):
        network = parts.build("networks", "segnet", {}, classes=3)
    down, up = (
        [m for m in module.modules() if isinstance(m, nn.Conv2d)]
        for module in (network.backbone, network.decoder)
    )
    up.append(network.classifier)
    assert len(down) == len(up) == 13
    mirrored = [(m.out_channels, m.in_channels) for m in reversed(down[1:])]
    assert [(m.in_channels, m.out_channels) for m in up[:-1]] == mirrored
