"""FCN-8s on VGG-16."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.model import backbones
from pipeline.model.grids import doubled
from pipeline.model.outputs import Outputs, Over, covers
from pipeline.runtime.parts import Width


class Network(nn.Module):
    """FCN-8s (Long et al., CVPR 2015, section 4.2): VGG-16 with three score heads.

    (N, 3, H, W) float -> Outputs with logits (N, classes, ceil(H/8), ceil(W/8)): the scores of
    conv7, pool4 and pool3, summed after upsampling by two. Upsampling is bilinear, as the paper's
    begins, and not learned; conv6 is padded by 3 instead of the image by 100. `pretrained` is a
    torchvision name of VGG-16's weights ("DEFAULT"), which it downloads. `width` is that of conv6
    and conv7: 4096 in the paper, and fewer make it small, but then these two are drawn anew.
    """

    heads = ("score3.", "score4.", "score7.")

    def __init__(self, classes: int, pretrained: str | None = None, width: Width = 4096) -> None:
        super().__init__()
        self.backbone = backbones.vgg16(pretrained)
        self.conv6 = nn.Conv2d(512, width, 7, padding=3)
        self.conv7 = nn.Conv2d(width, width, 1)
        if pretrained is not None and width == 4096:  # noqa: PLR2004
            self._take_classifier(pretrained)
        self.dropout = nn.Dropout2d(0.5)
        self.score3 = nn.Conv2d(256, classes, 1)
        self.score4 = nn.Conv2d(512, classes, 1)
        self.score7 = nn.Conv2d(width, classes, 1)

    def _take_classifier(self, pretrained: str) -> None:
        """conv6 and conv7 are VGG-16's first two fully connected layers; some files lack them."""
        state = backbones.weights("vgg16", pretrained).get_state_dict(progress=True)
        for conv, name in ((self.conv6, "classifier.0"), (self.conv7, "classifier.3")):
            weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
            if weight.isfinite().all():
                conv.load_state_dict({"weight": weight.view_as(conv.weight), "bias": bias})

    def forward(self, x: Tensor) -> Outputs:
        """Images to maps, as the class says."""
        images, pools = x, []
        for layer in self.backbone:
            if isinstance(layer, nn.MaxPool2d):
                x = F.max_pool2d(x, 2, 2, ceil_mode=True)
                pools.append(x)
            else:
                x = layer(x)
        x = self.dropout(self.conv6(x).relu())
        features = self.dropout(self.conv7(x).relu())
        logits = self.score7(features)
        for pool, score in ((pools[3], self.score4), (pools[2], self.score3)):
            logits = doubled(logits, pool) + score(pool)
        over = Over(covers(logits, images, 8), features=covers(features, images, 32))
        return Outputs(logits, features=features, over=over)
