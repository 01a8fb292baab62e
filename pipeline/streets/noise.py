"""Repeating noise, made once and looked up everywhere."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SIDE = 256


@lru_cache(maxsize=8)
def tile(number: int, steps: int) -> NDArray[np.float32]:
    """Return a seamless (256, 256) tile of noise with zero mean and unit deviation.

    `steps` is the width of its spots: 1 for white noise, more for the sum of the octaves
    up to that width.
    """
    rng = np.random.default_rng([number, steps])
    total = np.zeros((SIDE, SIDE))
    width = steps
    while width >= 1:
        total += width**0.5 * _spots(rng, width)
        width //= 2
    total -= total.mean()
    return np.asarray(total / total.std(), np.float32)


def _spots(rng: np.random.Generator, width: int) -> NDArray[np.float64]:
    """Return smooth noise whose spots are `width` wide."""
    noise = rng.normal(size=(SIDE, SIDE))
    if width == 1:
        return noise
    frequency = np.fft.fftfreq(SIDE)
    power = np.exp(-0.5 * (width * np.pi * frequency) ** 2)
    smooth = np.fft.ifft2(np.fft.fft2(noise) * power[:, None] * power[None, :]).real
    return np.asarray(smooth / smooth.std())


def look_up(
    noise: NDArray[np.float32], rows: NDArray[np.float32], columns: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Sample a tile at the places (rows, columns), which broadcast and wrap around."""
    mask = SIDE - 1
    found = noise[rows.astype(np.int32) & mask, columns.astype(np.int32) & mask]
    return np.asarray(found, np.float32)
