"""Networks of few weights, and images for them."""

import inspect

import numpy as np
import torch

from pipeline.domain.taxonomy import resolve
from pipeline.runtime import parts
from pipeline.runtime.files import BadInput

THREE = resolve(["soil", "crop", "weed"])
CHEAP = {
    "backbone": ["mobilenet", "mobilenet_v3_large", "vgg16", "resnet50"],
    "width": [8],
    "aux": [True],
}
LITE0 = {"backbone": "timm/tf_efficientnet_lite0", "width": 8}
PACKAGE = {**LITE0, "pretrained": "package:efficientnet-lite0"}
TIMM = {
    "deeplabv3plus, lite0": ("deeplabv3plus", LITE0),
    "deeplabv3plus, convnext": ("deeplabv3plus", {"backbone": "timm/convnext_atto", "width": 8}),
    "deeplabv3, resnet": ("deeplabv3", {"backbone": "timm/resnet18", "aux": True}),
    "fcn, mobilenet": ("fcn", {"backbone": "timm/mobilenetv3_small_050", "aux": True}),
}  # fmt: skip
"""A network and its options for each family of timm's backbones."""


def options(name, **given):
    """The first of CHEAP's values that each option of the network takes."""
    part = parts.find("networks", name)
    for key in inspect.signature(part).parameters:
        for value in CHEAP.get(key, []):
            with torch.device("meta"):
                try:
                    parts.build("networks", name, given | {key: value}, classes=2)
                except BadInput:
                    continue
            given[key] = value
            break
    return given


def pixels(n, height, width, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, 256, (n, 3, height, width), dtype=np.uint8))
