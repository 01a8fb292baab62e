"""torchvision's FCN on a dilated backbone."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models import segmentation
from torchvision.models.segmentation.fcn import FCNHead

from pipeline.model import backbones
from pipeline.model.backbone_names import Pretrained, ResNet, contradiction
from pipeline.model.backbones import torchvision_outputs
from pipeline.model.outputs import Outputs


class Network(nn.Module):
    """FCN (Long et al., 2015) with a dilated backbone, logits at stride 8.

    (N, 3, H, W) float -> Outputs. `aux` adds the head on layer 3. `backbone` and `pretrained`: as
    in deeplabv3.
    """

    heads = ("body.classifier.", "body.aux_classifier.")

    def __init__(
        self,
        classes: int,
        backbone: ResNet = "resnet50",
        pretrained: Pretrained = None,
        aux: bool = False,
    ) -> None:
        super().__init__()
        maps = ("out", "aux") if aux else ("out",)
        body, channels = backbones.dilated(backbone, 8, pretrained, maps)
        aux_head = FCNHead(channels["aux"], classes) if aux else None
        self.body = segmentation.FCN(body, FCNHead(channels["out"], classes), aux_head)

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
