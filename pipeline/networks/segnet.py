"""SegNet: VGG-16 and its mirror, which unpools to where each maximum was."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.model import backbones
from pipeline.model.outputs import Outputs

_STAGES = ((512, 512, 512), (512, 512, 256), (256, 256, 128), (128, 64), (64,))


class Network(nn.Module):
    """SegNet (Badrinarayanan et al., TPAMI 2017), logits at the image's own size.

    (N, 3, H, W) float -> Outputs. 13 convolutions with batch norm (VGG-16), and a decoder that
    mirrors them; the maxima's places are remembered, and no upsampling is learned. `pretrained` is
    a torchvision name of VGG-16-bn's weights ("DEFAULT"), which it downloads.
    """

    heads = ("classifier.",)

    def __init__(self, classes: int, pretrained: str | None = None) -> None:
        super().__init__()
        self.backbone = backbones.vgg16(pretrained, norm=True)
        inside, stages = 512, []
        for widths in _STAGES:
            stages.append(nn.Sequential(*map(_conv, (inside, *widths), widths)))
            inside = widths[-1]
        self.decoder = nn.ModuleList(stages)
        self.classifier = nn.Conv2d(inside, classes, 3, padding=1)

    def forward(self, x: Tensor) -> Outputs:
        """Images to maps, as the class says."""
        places = []
        for layer in self.backbone:
            if isinstance(layer, nn.MaxPool2d):
                before = x
                x, indices = F.max_pool2d(x, 2, 2, ceil_mode=True, return_indices=True)
                places.append((indices, before.shape))
            else:
                x = layer(x)
        for stage in self.decoder:
            x = stage(unpool(x, *places.pop()))
        return Outputs(self.classifier(x), features=x)


def unpool(x: Tensor, indices: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`x` (N, F, h, w) at its `indices` in a plane of `shape` (N, F, H, W), zeros elsewhere.

    As torch's max_unpool2d, which ONNX has no counterpart for.
    """
    rows, columns = shape[2:]
    plane = x.new_zeros((x.shape[0], x.shape[1], rows * columns))
    filled = plane.scatter(2, indices.flatten(2), x.flatten(2))
    return filled.reshape(*x.shape[:2], rows, columns)


def _conv(inside: int, outside: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, padding=1),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )
