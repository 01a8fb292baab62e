"""Colours as raw values of labels: 0xRRGGBB, in words "#rrggbb"."""

from __future__ import annotations

import colorsys
import re
from typing import Any

import numpy as np
import numpy.typing as npt

Colour = tuple[int, int, int]

MANY = 64
"""More colours than this that are of no class are not some that were forgotten."""

_SHOWN = 4
"""How many colours a message names."""


def value_of(text: str) -> int:
    """0xRRGGBB of "#rrggbb". Raises ValueError for any other text."""
    if not re.fullmatch("#[0-9a-fA-F]{6}", text):
        raise ValueError(f"{text!r} is no colour; write one as '#804080', in quotes")
    return int(text[1:], 16)


def text_of(value: int) -> str:
    """ "#rrggbb" of 0xRRGGBB."""
    return f"#{value:06x}"


def value(colour: Colour) -> int:
    """0xRRGGBB of red, green and blue."""
    red, green, blue = colour
    return red << 16 | green << 8 | blue


def channels(value: int) -> Colour:
    """Red, green and blue of 0xRRGGBB."""
    return value >> 16, value >> 8 & 255, value & 255


def packed(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """uint8 (h, w, 3) RGB as uint32 (h, w): 0xRRGGBB."""
    red, green, blue = (image[..., channel].astype(np.uint32) for channel in range(3))
    found: npt.NDArray[np.uint32] = red << np.uint32(16) | green << np.uint32(8) | blue
    return found


def distinct(count: int) -> tuple[Colour, ...]:
    """Colours whose hues follow the golden ratio, so that neighbours differ."""
    found = []
    for index in range(count):
        r, g, b = colorsys.hsv_to_rgb(index * 0.618034 % 1, (0.85, 0.6)[index % 2], 0.9)
        found.append((int(255 * r), int(255 * g), int(255 * b)))
    return tuple(found)


def counted(values: npt.NDArray[Any], counts: npt.NDArray[np.int64]) -> str:
    """How many pixels of which colours, the most frequent first."""
    order = np.argsort(-counts, kind="stable")[:_SHOWN]
    each = [f"{text_of(int(values[at]))} ({_pixels(counts[at])})" for at in order]
    rest = len(values) - len(each)
    more = f" and {rest} more" if rest else ""
    return f"{_pixels(counts.sum())} of colours {', '.join(each)}{more}"


def _pixels(count: int) -> str:
    return "1 pixel" if count == 1 else f"{count} pixels"
