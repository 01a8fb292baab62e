"""torchvision's DeepLabV3."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models import segmentation
from torchvision.models.segmentation.deeplabv3 import DeepLabHead
from torchvision.models.segmentation.fcn import FCNHead

from pipeline.model import backbones
from pipeline.model.backbones import torchvision_outputs
from pipeline.model.outputs import Outputs


class Network(nn.Module):
    """DeepLabV3 (Chen et al., 2017), logits at `output_stride`.

    (N, 3, H, W) float -> Outputs. Without an `output_stride` it is torchvision's own: 8 (ResNet) or
    16 (MobileNet) with dilations 12, 24, 36 in ASPP; at an `output_stride` of 16 they are halved,
    as in the paper (section 4.1). `pretrained` is a torchvision name of the backbone's weights
    ("DEFAULT", "IMAGENET1K_V2"), which it downloads. `aux` adds the head on layer 3.
    """

    heads = ("body.classifier.", "body.aux_classifier.")

    def __init__(
        self,
        classes: int,
        backbone: backbones.Name = "resnet50",
        pretrained: str | None = None,
        aux: bool = False,
        output_stride: backbones.Stride | None = None,
    ) -> None:
        super().__init__()
        stride = output_stride or (16 if backbone == "mobilenet" else 8)
        body, channels = backbones.dilated(
            backbone, stride, pretrained, ("out", "aux") if aux else ("out",)
        )
        aux_head = FCNHead(channels["aux"], classes) if aux else None
        head = DeepLabHead(channels["out"], classes, backbones.ASPP[output_stride or 8])
        backbones.trains_on_one_image(head[0])
        self.body = segmentation.DeepLabV3(body, head, aux_head)
        self.steps = (stride, 8 if backbone == "mobilenet" else stride)

    def forward(self, x: Tensor) -> Outputs:
        """Images to maps, as the class says."""
        return torchvision_outputs(self.body, x, self.steps)

    @property
    def classifier(self) -> nn.Module:
        """What makes logits of the features."""
        classifier: nn.Module = self.body.classifier
        return classifier
