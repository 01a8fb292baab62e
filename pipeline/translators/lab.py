"""Colour statistics in CIELAB."""

from __future__ import annotations

from typing import Literal

import numpy as np

from pipeline.domain.pixels import Mask, Pixels
from pipeline.translation import matching
from pipeline.translation.cielab import Lab
from pipeline.translation.colour import BINS, LOW, STEP, Doubles, Floats
from pipeline.translation.references import Measured

_MOMENTS = 12
_VALUES: Doubles = LOW[:, None] + STEP[:, None] * np.arange(BINS)
_LIGHTEST = 100


class Translator(Measured):
    """Mean and deviation of L, a and b become the reference's (Reinhard et al., 2001).

    `lightness: gamma` and `colour: histogram` together are the coarse step of GPA (Ma et al., CVPR
    2021): of L a power that nears the mean, of a and b the distribution. `transport`: the three
    together, their covariance too, by the linear map that moves least (Pitie and Kokaram, 2007).
    Reinhard's space is another one, of logarithms of cone responses; others took CIELAB since.
    """

    def __init__(
        self,
        lightness: Literal["deviation", "gamma"] = "deviation",
        colour: Literal["deviation", "histogram"] = "deviation",
        transport: bool = False,
    ) -> None:
        self.lightness, self.colour, self.transport = lightness, colour, transport

    @staticmethod
    def contradiction(lightness: str, colour: str, transport: bool) -> str | None:
        """Transport is of all three channels together."""
        if transport and (lightness, colour) != ("deviation", "deviation"):
            return (
                f"transport moves all channels at once, so that lightness={lightness!r} and "
                f"colour={colour!r} would do nothing; take one or the other out"
            )
        return None

    def measure(self, image: Pixels, inside: Mask | None) -> Floats:
        """(12,): mean and covariance of one target image; with histograms 2 x 512 shares more."""
        lab = Lab(image, inside)
        parts = [lab.mean, lab.covariance.ravel()]
        if self.colour == "histogram":
            counts = lab.histograms()[1:]
            parts.append((counts / counts.sum(1, keepdims=True)).ravel())
        return np.concatenate(parts).astype(np.float32)

    def translate(self, image: Pixels, inside: Mask | None, reference: Floats) -> Pixels:
        """uint8 (h, w, 3), outside as it was."""
        lab, wanted = Lab(image, inside), reference.astype(np.float64)
        mean, covariance = wanted[:3], wanted[3:_MOMENTS].reshape(3, 3)
        if self.transport:
            matrix = matching.transport(lab.covariance, covariance)
        else:
            deviation = np.sqrt(np.maximum(covariance.diagonal(), 0))
            matrix = np.diag(matching.scales(lab.deviation, deviation))
        if (self.lightness, self.colour) == ("deviation", "deviation"):
            return lab.affine(matrix, mean - matrix @ lab.mean)
        tables = mean[:, None] + matrix.diagonal()[:, None] * (_VALUES - lab.mean[:, None])
        return lab.tabled(self._tables(lab, tables, mean, wanted[_MOMENTS:].reshape(-1, BINS)))

    def _tables(self, lab: Lab, tables: Doubles, mean: Doubles, shares: Doubles) -> Doubles:
        """`tables` (3, BINS) of deviations, with those of gamma and histograms in their places."""
        counts = lab.histograms().astype(float)
        if self.lightness == "gamma":
            levels = _VALUES[0] / _LIGHTEST
            power = matching.gamma(counts[0] / counts[0].sum(), levels, mean[0] / _LIGHTEST)
            tables[0] = _LIGHTEST * levels**power
        if self.colour == "histogram":
            for channel, other in enumerate(shares, 1):
                places = matching.matched(counts[channel], other)
                tables[channel] = LOW[channel] + STEP[channel] * places
        return tables
