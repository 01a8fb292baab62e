"""Colours, RGB in tones of 0..255."""

import numpy as np

Colour = tuple[float, float, float]
Palette = tuple[Colour, ...]


def pick(palette: Palette, rng: np.random.Generator, spread: float = 0.06) -> Colour:
    """Return a colour of the palette, a little lighter or darker."""
    colour = palette[int(rng.integers(len(palette)))]
    gain = float(rng.uniform(1 - spread, 1 + spread))
    return colour[0] * gain, colour[1] * gain, colour[2] * gain


def tinted(colour: Colour, gain: float) -> Colour:
    """Return the colour made lighter (gain > 1) or darker."""
    return colour[0] * gain, colour[1] * gain, colour[2] * gain
