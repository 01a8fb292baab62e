"""Fourier domain adaptation: the target's low amplitudes with the source's phase."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy import fft

from pipeline.domain.pixels import Mask, Pixels
from pipeline.translation.colour import Floats
from pipeline.translation.references import Measured

Spectrum = npt.NDArray[np.complex64]

_FADED = 3
"""Half-widths of a soft window until it is cut off, at a weight of 0.011."""


class Translator(Measured):
    """FDA (Yang and Soatto, CVPR 2020): amplitudes of |frequency| <= b are the reference's.

    b = floor(`beta` min(h, w)), both ways: so the window is symmetric and its inverse real, and of
    b = 0 the mean colour is left. `soft`: the share of the reference falls as a Gaussian of
    deviation b, against the rings that a hard edge draws; not from the paper. Spectra are of whole
    images, so that a dark surround takes part; outside a region the image stays as it was.
    """

    def __init__(
        self, beta: Annotated[float, Field(ge=0, lt=0.5)] = 0.01, soft: bool = False
    ) -> None:
        self.beta, self.soft = beta, soft

    def measure(self, image: Pixels, inside: Mask | None) -> Floats:
        """The amplitudes in the window of one target image, at the source's size, flat."""
        rows, weights = self._window(image.shape[0], image.shape[1])
        return np.abs(_spectra(image)[:, rows, : weights.shape[1]]).ravel()

    def translate(self, image: Pixels, inside: Mask | None, reference: Floats) -> Pixels:
        """uint8 (h, w, 3) rounded and clipped, outside as it was."""
        height, width = image.shape[:2]
        rows, weights = self._window(height, width)
        spectra = _spectra(image)
        low = spectra[:, rows, : weights.shape[1]]
        amplitudes = np.abs(low)
        phases = np.divide(low, amplitudes, out=np.ones_like(low), where=amplitudes > 0)
        wanted = reference.reshape(low.shape)
        spectra[:, rows, : weights.shape[1]] += weights * (wanted - amplitudes) * phases
        planes = fft.irfft2(spectra, s=(height, width), overwrite_x=True)
        made = np.ascontiguousarray(_rounded(planes).transpose(1, 2, 0))
        return made if inside is None else np.where(inside[..., None], made, image)

    def _window(self, height: int, width: int) -> tuple[npt.NDArray[np.intp], Floats]:
        """The rows of a half spectrum, 0 to b and -b to -1, and weights float32 (rows, b + 1)."""
        b = int(self.beta * min(height, width))
        reach = _FADED * b if self.soft else b
        down, across = min(reach, (height - 1) // 2), min(reach, (width - 1) // 2)
        rows = np.r_[0 : down + 1, -down:0]
        weights = np.ones((len(rows), across + 1), np.float32)
        if self.soft and b:
            squares = rows[:, None] ** 2 + np.arange(across + 1) ** 2
            weights = np.exp(-squares / (2 * b**2)).astype(np.float32)
        return rows, weights


def _spectra(image: Pixels) -> Spectrum:
    """complex64 (3, h, w // 2 + 1): half of each channel's spectrum, of which the rest follows."""
    planes = np.ascontiguousarray(image.transpose(2, 0, 1), np.float32)
    found: Spectrum = fft.rfft2(planes, overwrite_x=True)
    return found


def _rounded(planes: Floats) -> Pixels:
    planes += np.float32(0.5)
    np.clip(planes, 0, 255, out=planes)
    return planes.astype(np.uint8)
