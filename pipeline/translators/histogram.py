"""Histogram matching of red, green and blue."""

from __future__ import annotations

import numpy as np
from PIL import Image

from pipeline.domain.pixels import Mask, Pixels
from pipeline.translation.colour import Doubles, Floats
from pipeline.translation.matching import matched
from pipeline.translation.references import Measured

_LEVELS = 256


class Translator(Measured):
    """Each channel gets the reference's distribution of values, whatever the others get.

    Colours shift where the channels' orders differ: that is the method. A reference's row holds
    the share of each value, 3 x 256; the mean of all is that of all their pixels.
    """

    def measure(self, image: Pixels, inside: Mask | None) -> Floats:
        """(768,): the shares of one target image."""
        counts = _counts(image, inside)
        shares: Floats = (counts / counts.sum(1, keepdims=True)).astype(np.float32).ravel()
        return shares

    def translate(self, image: Pixels, inside: Mask | None, reference: Floats) -> Pixels:
        """uint8 (h, w, 3), outside as it was."""
        own, other = _counts(image, inside), reference.astype(float).reshape(3, _LEVELS)
        tables = [np.rint(matched(*each)) for each in zip(own, other, strict=True)]
        made = np.asarray(Image.fromarray(image).point(np.concatenate(tables).astype(int).tolist()))
        return made if inside is None else np.where(inside[..., None], made, image)


def _counts(image: Pixels, inside: Mask | None) -> Doubles:
    """(3, 256) of the pixels inside; of all where there are none."""
    mask = None if inside is None or not inside.any() else Image.fromarray(inside)
    counts = Image.fromarray(image).histogram(mask)
    return np.asarray(counts, np.float64).reshape(3, _LEVELS)
