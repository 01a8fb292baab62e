"""torchvision's FCN on a dilated ResNet."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torchvision.models import segmentation

from pipeline.model import backbones
from pipeline.model.backbones import torchvision_outputs
from pipeline.model.outputs import Outputs

_BUILD = {"resnet50": segmentation.fcn_resnet50, "resnet101": segmentation.fcn_resnet101}


class Network(nn.Module):
    """FCN (Long et al., 2015) with a dilated ResNet, logits at stride 8.

    (N, 3, H, W) float -> Outputs. `pretrained` is a torchvision name of the backbone's weights
    ("DEFAULT", "IMAGENET1K_V2"), which it downloads. `aux` adds the head on layer 3.
    """

    heads = ("body.classifier.", "body.aux_classifier.")

    def __init__(
        self,
        classes: int,
        backbone: Literal["resnet50", "resnet101"] = "resnet50",
        pretrained: str | None = None,
        aux: bool = False,
    ) -> None:
        super().__init__()
        self.body = _BUILD[backbone](
            weights=None,
            weights_backbone=backbones.weights(backbone, pretrained),
            num_classes=classes,
            aux_loss=aux,
        )

    def forward(self, x: Tensor) -> Outputs:
        """Images to maps, as the class says."""
        return torchvision_outputs(self.body, x, (8, 8))

    @property
    def classifier(self) -> nn.Module:
        """What makes logits of the features."""
        classifier: nn.Module = self.body.classifier
        return classifier
