"""torchvision's DeepLabV3."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torchvision.models import segmentation

from pipeline.model import Outputs, torchvision_outputs

_BUILD = {
    "resnet50": segmentation.deeplabv3_resnet50,
    "resnet101": segmentation.deeplabv3_resnet101,
    "mobilenet": segmentation.deeplabv3_mobilenet_v3_large,
}


class Network(nn.Module):
    """DeepLabV3 (Chen et al., 2017), logits at stride 8 (ResNet) or 16 (MobileNet).

    (N, 3, H, W) float -> Outputs. `pretrained` is a torchvision name of the backbone's weights
    ("DEFAULT", "IMAGENET1K_V2"), which it downloads. `aux` adds the head on layer 3.
    """

    def __init__(
        self,
        classes: int,
        backbone: Literal["resnet50", "resnet101", "mobilenet"] = "resnet50",
        pretrained: str | None = None,
        aux: bool = False,
    ) -> None:
        super().__init__()
        self.body = _BUILD[backbone](
            weights=None, weights_backbone=pretrained, num_classes=classes, aux_loss=aux
        )

    def forward(self, x: Tensor) -> Outputs:
        """Images to maps, as the class says."""
        return torchvision_outputs(self.body, x)
