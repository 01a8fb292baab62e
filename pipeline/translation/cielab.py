"""An image in CIELAB: how its colours are spread, and what maps them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.domain.pixels import Mask, Pixels
from pipeline.translation import colour
from pipeline.translation.colour import Doubles

_NONE = np.zeros(0, np.bool_)


def _flat(inside: Mask | None) -> Mask:
    """Of a region without a pixel, as a small working size may leave it, all count."""
    if inside is None or not inside.any():
        return _NONE
    return np.ascontiguousarray(inside).reshape(-1)


class Lab:
    """An image in CIELAB, and what its pixels `inside` are: `mean` (3), `covariance` (3, 3).

    `image`: uint8 (h, w, 3) RGB; `inside`: bool (h, w), or None where all count.
    """

    def __init__(self, image: Pixels, inside: Mask | None = None) -> None:
        self._image, self._inside = np.ascontiguousarray(image), _flat(inside)
        self.values = np.empty((image.shape[0] * image.shape[1], 3), np.float32)
        count, sums, products = colour.to_lab(self._image.reshape(-1, 3), self._inside, self.values)
        self.mean: Doubles = sums / count
        upper = np.triu(products / count - np.outer(self.mean, self.mean))
        self.covariance: Doubles = upper + np.triu(upper, 1).T

    @property
    def deviation(self) -> Doubles:
        """(3,): of each channel; rounding leaves none below 0."""
        deviation: Doubles = np.sqrt(np.maximum(self.covariance.diagonal(), 0))
        return deviation

    def histograms(self) -> npt.NDArray[np.int64]:
        """(3, BINS): the pixels inside by channel."""
        counts: npt.NDArray[np.int64] = colour.histograms(self.values, self._inside)
        return counts

    def affine(self, matrix: Doubles, offset: Doubles) -> Pixels:
        """`matrix` (3, 3) @ pixel + `offset` (3), as uint8 (h, w, 3); outside the image's own."""
        out = self._image.copy()
        given = (matrix.astype(np.float32), offset.astype(np.float32))
        colour.affine(self.values, *given, self._inside, out.reshape(-1, 3))
        return out

    def tabled(self, tables: Doubles) -> Pixels:
        """Each channel by its table (3, BINS), linearly between bins; as `affine` otherwise."""
        out = self._image.copy()
        colour.tabled(self.values, tables.astype(np.float32), self._inside, out.reshape(-1, 3))
        return out
