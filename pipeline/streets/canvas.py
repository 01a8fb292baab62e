"""A picture and its label map, painted together."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .camera import NEAR, Camera, Pixel, Point
from .colour import Colour
from .style import Style


class Canvas:
    """Paints polygons in metres on an RGB image and, where a class is given, its label map.

    Without a class only the colour changes: an inner detail of what lies there.
    """

    def __init__(
        self,
        image: NDArray[np.uint8],
        label: NDArray[np.uint8],
        camera: Camera,
        style: Style,
        sun: Point,
    ) -> None:
        """Start from an image (H, W, 3) and a label map (H, W); `sun` points to the sun."""
        self.image = Image.fromarray(image)
        self.label = Image.fromarray(label)
        self.camera = camera
        self.style = style
        self.sun = sun
        self._colours = ImageDraw.Draw(self.image)
        self._labels = ImageDraw.Draw(self.label)

    def polygon(
        self, outline: Sequence[Pixel], colour: Colour, z: float, label: int | None = None
    ) -> None:
        """Paint a polygon given in pixels, its colour fading into the haze at depth `z`."""
        if len(outline) < 3 or self._outside([u for u, _ in outline]):
            return
        self._colours.polygon(outline, fill=self._hazy(colour, z))
        if label is not None:
            self._labels.polygon(outline, fill=label)

    def face(
        self,
        points: list[Point],
        colour: Colour,
        label: int | None = None,
        centre: Point | None = None,
    ) -> None:
        """Paint a flat polygon of the world, lit by the sun.

        With the `centre` of the solid it bounds, a face turned away is left out.
        """
        camera = self.camera
        seen = [camera.seen(p) for p in points]
        if all(p[2] < NEAR for p in seen):
            return
        normal = _normal(seen)
        behind = seen[0] if centre is None else _minus(camera.seen(centre), seen[0])
        if _dot(normal, behind) > 0:
            normal = (-normal[0], -normal[1], -normal[2])
        if centre is not None and _dot(normal, seen[0]) > 0:
            return
        outline = camera.outline(seen)
        z = sum(p[2] for p in seen) / len(seen)
        self.polygon(outline, self.lit(colour, normal), max(z, NEAR), label)

    def lit(self, colour: Colour, normal: Point) -> Colour:
        """Return the colour of a surface with that unit normal in the light of the style."""
        style = self.style
        sun = style.sun * max(0.0, _dot(normal, self.sun))
        light = style.ambient * (0.9 + 0.12 * normal[1]) + sun
        tint = style.warmth * (1 if sun > 0 else -1)
        return colour[0] * light * (1 + tint), colour[1] * light, colour[2] * light * (1 - tint)

    def pixels_per_metre(self, z: float) -> float:
        """Return the scale at depth `z`."""
        return self.camera.focal / max(z, NEAR)

    def _outside(self, columns: list[float]) -> bool:
        return max(columns) < 0 or min(columns) >= self.camera.width

    def _hazy(self, colour: Colour, z: float) -> tuple[int, int, int]:
        keep = math.exp(-self.style.weather.haze * z)
        far = self.style.haze_colour
        r = int(far[0] + (colour[0] - far[0]) * keep)
        g = int(far[1] + (colour[1] - far[1]) * keep)
        b = int(far[2] + (colour[2] - far[2]) * keep)
        return min(255, max(0, r)), min(255, max(0, g)), min(255, max(0, b))


def _dot(a: Point, b: Point) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _minus(a: Point, b: Point) -> Point:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def _normal(points: list[Point]) -> Point:
    # the diagonals, not two edges: the sides of a vehicle are not quite flat
    n = len(points)
    a = _minus(points[n // 2], points[0])
    b = _minus(points[3 * n // 4], points[n // 4])
    x, y, z = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
    length = math.sqrt(x * x + y * y + z * z) or 1.0
    return x / length, y / length, z / length
