"""Flat figures that face the camera."""

import math
from collections.abc import Sequence
from functools import lru_cache

from .camera import NEAR, Pixel
from .canvas import Canvas
from .colour import Colour


class Sprite:
    """A flat figure standing at (x, z), facing the camera; `squash` narrows it."""

    def __init__(self, canvas: Canvas, x: float, z: float, size: float, squash: float) -> None:
        """Place the figure, `size` times as large as life."""
        seen = canvas.camera.seen((x, 0.0, max(z, NEAR)))
        self._canvas = canvas
        self._z = seen[2]
        self._u, self._v = canvas.camera.pixel(seen)
        self.scale = size * canvas.pixels_per_metre(self._z)
        self.squash = squash
        self._across = self.scale * squash
        self._light = canvas.lit((1.0, 1.0, 1.0), (0.0, 0.3, -0.95))

    def shape(
        self, points: Sequence[Pixel], colour: Colour, label: int | None = None, glow: bool = False
    ) -> None:
        """Paint a polygon of (metres to the right, metres up)."""
        outline = [(self._u + x * self._across, self._v - y * self.scale) for x, y in points]
        light = (1.0, 1.0, 1.0) if glow else self._light
        lit = (colour[0] * light[0], colour[1] * light[1], colour[2] * light[2])
        self._canvas.polygon(outline, lit, self._z, label)

    def bar(
        self, a: Pixel, b: Pixel, thick: float, colour: Colour, label: int | None = None
    ) -> None:
        """Paint a straight bar from `a` to `b`, never thinner than two canvas pixels."""
        dx, dy = (b[0] - a[0]) * self._across, (b[1] - a[1]) * self.scale
        length = math.hypot(dx, dy) or 1.0
        half = max(thick * self.scale, 2.0) / 2
        ox, oy = -dy / length * half / self._across, dx / length * half / self.scale
        ends = [(a[0] + ox, a[1] + oy), (b[0] + ox, b[1] + oy)]
        ends += [(b[0] - ox, b[1] - oy), (a[0] - ox, a[1] - oy)]
        self.shape(ends, colour, label)

    def disc(
        self,
        middle: Pixel,
        radius: float,
        colour: Colour,
        label: int | None = None,
        corners: int = 12,
        glow: bool = False,
    ) -> None:
        """Paint a regular polygon, a disc with the usual number of corners."""
        x, y = middle
        points = [(x + radius * a, y + radius * b) for a, b in _regular(corners)]
        self.shape(points, colour, label, glow)


@lru_cache(maxsize=32)
def _regular(corners: int) -> list[Pixel]:
    """Return the corners of a regular polygon of radius 1 that stands on an edge."""
    turn = [2 * math.pi * (i + 0.5) / corners for i in range(corners)]
    return [(math.sin(t), -math.cos(t)) for t in turn]
