"""torchvision's DeepLabV3."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models import segmentation
from torchvision.models.segmentation.deeplabv3 import DeepLabHead
from torchvision.models.segmentation.fcn import FCNHead

from pipeline.model import backbones
from pipeline.model.backbone_names import PREFIX, Name, Pretrained, contradiction
from pipeline.model.backbones import torchvision_outputs
from pipeline.model.outputs import Outputs


class Network(nn.Module):
    """DeepLabV3 (Chen et al., 2017), logits at `output_stride`.

    (N, 3, H, W) float -> Outputs. Without an `output_stride` it is torchvision's own: 8 (ResNet) or
    16 (MobileNet) with dilations 12, 24, 36 in ASPP; at an `output_stride` of 16 they are halved,
    as in the paper (section 4.1), and as they are for timm's. `aux` adds the head on layer 3.

    `backbone` is torchvision's, or `timm/` and a name of timm's. `pretrained` is a name of the
    backbone's weights, which it downloads (torchvision's "DEFAULT", "IMAGENET1K_V2"; timm's tags,
    or true); or, for timm's, `package:` and a name of model/packages.py, or a file.
    """

    heads = ("body.classifier.", "body.aux_classifier.")

    def __init__(
        self,
        classes: int,
        backbone: Name = "resnet50",
        pretrained: Pretrained = None,
        aux: bool = False,
        output_stride: backbones.Stride | None = None,
    ) -> None:
        super().__init__()
        stride = output_stride or (8 if backbone.startswith("resnet") else 16)
        own = 16 if backbone.startswith(PREFIX) else 8
        body, channels = backbones.dilated(
            backbone, stride, pretrained, ("out", "aux") if aux else ("out",)
        )
        aux_head = FCNHead(channels["aux"], classes) if aux else None
        head = DeepLabHead(channels["out"], classes, backbones.ASPP[output_stride or own])
        backbones.trains_on_one_image(head[0])
        self.body = segmentation.DeepLabV3(body, head, aux_head)

    @staticmethod
    def contradiction(backbone: str, pretrained: Pretrained, **_: object) -> str | None:
        """What is wrong with these options together."""
        return contradiction(backbone, pretrained)

    def forward(self, x: Tensor) -> Outputs:
        """Images to maps, as the class says."""
        return torchvision_outputs(self.body, x)

    @property
    def classifier(self) -> nn.Module:
        """What makes logits of the features."""
        classifier: nn.Module = self.body.classifier
        return classifier
