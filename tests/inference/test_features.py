"""Pooled features of a model and of a backbone."""

import numpy as np
import pytest
import torch

from pipeline.inference import features
from pipeline.model import model
from pipeline.model.recipe import Recipe
from pipeline.runtime import parts
from pipeline.runtime.files import BadInput
from tests.nets import options
from tests.rounds import THREE


def images(n=3, size=(64, 96), seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, 256, (n, 3, *size)).astype(np.uint8))


def test_pooled_is_mean_and_deviation_of_each_channel():
    first, last = torch.randn(2, 5, 4, 6), torch.randn(2, 7, 3, 3)
    found = features.pooled(first, last)
    expected = [[*(c.mean() for c in each), *(c.std(correction=0) for c in each)] for each in first]
    assert torch.allclose(found.first, torch.tensor(expected), atol=1e-6)
    assert torch.allclose(
        found.last, torch.tensor([[c.mean() for c in each] for each in last]), atol=1e-6
    )


@pytest.mark.parametrize("name", parts.names("networks"))
def test_of_every_network(name):
    made = model.create(Recipe(name, THREE, options(name)), 0).eval()
    found = features.of_all(features.OfModel(made), [images(2), images(1, seed=1)])
    assert found.first.shape[0] == found.last.shape[0] == 3
    assert found.first.shape[1] > 2
    assert found.first.isfinite().all()
    assert found.last.isfinite().all()
    assert not torch.equal(found.last[0], found.last[2])
    again = features.of_all(features.OfModel(made), [images(2)])
    assert torch.equal(again.first, found.first[:2])
    hooks = [part._forward_hooks for part in made.modules()]
    assert not any(hooks), "a hook would keep what later passes see"


def test_the_first_is_the_first_convolution_of_the_normalised_image():
    made = model.create(Recipe("small", THREE, {"width": 8}), 0).eval()
    seen = []
    convolution = next(m for m in made.network.modules() if isinstance(m, torch.nn.Conv2d))
    convolution.register_forward_hook(lambda *given: seen.append(given[2]))
    with torch.inference_mode():
        outputs = made(images())
    found = features.of_all(features.OfModel(made), [images()])
    assert torch.allclose(found.first[:, : seen[0].shape[1]], seen[0].mean((2, 3)), atol=1e-6)
    assert torch.allclose(found.last, outputs.features.mean((2, 3)), atol=1e-6)


def test_a_mean_of_two_models_has_no_features_of_its_own():
    one = model.create(Recipe("small", THREE, {"width": 4}), 0)
    with pytest.raises(
        BadInput, match=r"a mean of two; name one of them as evaluate_translation\.model"
    ):
        features.OfModel(model.mean(one, one))


def test_of_a_backbone_with_weights_of_a_package():
    made = features.OfBackbone("timm/tf_efficientnet_lite0", "package:efficientnet-lite0").eval()
    found = features.of_all(made, [images(2)])
    assert found.first.shape == (2, 2 * 24)
    assert found.last.shape[1] == 320
    x = images(2).float() / 255
    x = (x - 0.5) / 0.5  # as those weights want it
    with torch.inference_mode():
        maps = made.body.body(x)
    assert torch.allclose(found.last, maps["out"].mean((2, 3)), atol=1e-5)


def test_a_brighter_image_is_farther_near_the_pixels():
    made = features.OfBackbone("timm/tf_efficientnet_lite0", "package:efficientnet-lite0").eval()
    shown = images(1).float().mul(0.5).byte()
    found = features.of_all(made, [shown, shown.add(1), shown.add(90)])
    near, far = (torch.dist(found.first[0], found.first[n]) for n in (1, 2))
    assert near < far
