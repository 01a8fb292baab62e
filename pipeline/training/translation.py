"""What translators add up: what a translation is to keep of its image, in images and in classes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.domain.batches import Labelled
from pipeline.domain.taxonomy import IGNORE
from pipeline.model.grids import resample
from pipeline.model.outputs import Outputs
from pipeline.training.adversarial import Seen
from pipeline.training.losses import cross_entropy, flat, labelled

_HALF = 127.5


def scaled(images: Tensor) -> Tensor:
    """uint8 images as generators see them, float32 in [-1, 1]."""
    return images.float() / _HALF - 1


def pixels(made: Tensor) -> Tensor:
    """Images in [-1, 1] as a model sees them, float32 in [0, 255]."""
    return (made.float() + 1) * _HALF


def whole(images: Tensor) -> Seen:
    """Images (N, 3, H, W) for a discriminator, none of whose pixels is padding."""
    size = (len(images), *images.shape[-2:])
    return Seen(images, torch.ones(size, dtype=torch.bool, device=images.device))


def drawn(side: Labelled, draw: Callable[[torch.Generator], Tensor]) -> Tensor:
    """What `draw` makes for each sample of its own key, stacked: the same in any process."""
    assert side.keys is not None
    each = [draw(torch.Generator().manual_seed(key)) for key in side.keys.tolist()]
    return torch.stack(each).to(side.images.device)


def apart(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference: of an image and its cycle, or what it is to be left as."""
    return F.l1_loss(found.float(), wanted)


def semantic(segmenter: nn.Module, made: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of a model on translations (N, 3, H, W), by labels int64 (N, H, W).

    CyCADA's semantic consistency (Hoffman et al., 2018). `labels` are left as they are.
    """
    outputs: Outputs = segmenter(pixels(made))
    return cross_entropy(outputs.logits, labels, over=outputs.over.logits)


def divergence(reading: nn.Module, made: Tensor, judge: nn.Module, images: Tensor) -> Tensor:
    """KL(p | q) of what a model says of translations, p, to what a judge says of images, q.

    MADAN's dynamic semantic consistency (Zhao et al., 2019): the mean over pixels of
    sum_c p_c log(p_c / q_c). Both (N, 3, H, W) in [-1, 1]; the judge gets no gradient.
    """
    found: Outputs = reading(pixels(made))
    with torch.no_grad():
        wanted: Outputs = judge(pixels(images))
    p, q = (flat(o.logits, made.shape[-2:], o.over.logits).log_softmax(1) for o in (found, wanted))
    return F.kl_div(q, p, reduction="sum", log_target=True) / len(p)


@torch.no_grad()
def predicted(segmenter: nn.Module, images: Tensor, sure: float = 0.0) -> Tensor:
    """A model's own labels int64 (N, H, W) of images (N, 3, H, W) in [-1, 1].

    IGNORE where its probability is less than `sure`.
    """
    outputs: Outputs = segmenter(pixels(images))
    full = resample(outputs.logits.float(), images.shape[-2:], outputs.over.logits)
    most, labels = full.softmax(1).max(1)
    return torch.where(most >= sure, labels, IGNORE)


def perceptual(segmenter: nn.Module, made: Tensor, images: Tensor) -> Tensor:
    """Mean squared difference of a model's logits, each map of them normalised by itself.

    BDL's (Li et al., 2019): of a translation, or of a cycle, and the image that it is of.
    """
    found: Outputs = segmenter(pixels(made))
    with torch.no_grad():
        wanted: Outputs = segmenter(pixels(images))
    one, other = (F.instance_norm(outputs.logits.float()) for outputs in (found, wanted))
    return F.mse_loss(one, other)


def content(made: Tensor, images: Tensor, labels: Tensor, classes: int) -> Tensor:
    """What of the difference to the images is no constant of a class: PixelDA's, class by class.

    Bousmalis et al., 2017, have of a foreground m of k pixels (1/k) |d m|^2 - (1/k^2) (d m)^2, d
    the difference: its variance. Here, of each class's pixels in each image and each channel,
    weighed by their number: a road may darken as a whole. Images (N, 3, H, W), labels (N, H, W).
    """
    difference = (made.float() - images).flatten(2)
    known = torch.where(labels == IGNORE, classes, labels).flatten(1)
    regions = F.one_hot(known, classes + 1)[..., :classes].float()
    sums, squares = difference @ regions, difference.square() @ regions
    counts = regions.sum(1).clamp(min=1)[:, None]
    total = (squares - sums.square() / counts).sum()
    return total / (difference.shape[1] * labelled(labels)).clamp(min=1)


def patch_nce(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """How well each place's embedding picks its own key among its image's (Park et al., CUT, 2020).

    Both float32 (N, P, D), rows of length 1; the mean over images and places.
    """
    likeness = queries @ keys.transpose(1, 2) / temperature
    own = torch.arange(likeness.shape[1], device=likeness.device).expand(len(likeness), -1)
    return F.cross_entropy(likeness.flatten(0, 1), own.flatten())


def cells(labels: Tensor, size: torch.Size, step: int) -> Tensor:
    """The commonest label of the square that each cell of a PatchDiscriminator is centred on.

    Labels int64 (N, H, W) to its grid of `size` and that step; of equals the lowest, IGNORE last.
    """
    height, width = size
    inner = labels[:, step : step * (height + 1), step : step * (width + 1)]
    squares = inner.reshape(len(labels), height, step, width, step)
    commonest: Tensor = squares.transpose(2, 3).flatten(3).mode(-1).values
    return commonest
