"""torchvision's DeepLabV3."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import segmentation

from pipeline.model import Outputs, torchvision_outputs

_BUILD = {
    "resnet50": segmentation.deeplabv3_resnet50,
    "resnet101": segmentation.deeplabv3_resnet101,
    "mobilenet": segmentation.deeplabv3_mobilenet_v3_large,
}


class _PooledNorm(nn.BatchNorm2d):
    """Batch norm after a pooled image: one image alone has no variance, so its running one counts.

    torchvision's refuses such a batch, which an objective that passes each side by itself makes.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or x.numel() > x.shape[1]:
            return super().forward(x)
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias,
                            eps=self.eps)  # fmt: skip


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
        pooling = self.body.classifier[0].convs[-1]
        place = next(i for i, part in enumerate(pooling) if isinstance(part, nn.BatchNorm2d))
        pooling[place] = _PooledNorm(pooling[place].num_features)

    def forward(self, x: Tensor) -> Outputs:
        """Images to maps, as the class says."""
        return torchvision_outputs(self.body, x)
