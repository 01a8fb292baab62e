"""The driving camera: from metres on the street to pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .style import Style

Point = tuple[float, float, float]  # x to the right, y up, z ahead, in metres
Pixel = tuple[float, float]

NEAR = 0.8  # nothing nearer than this is drawn


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in the street; `bend` lets the whole street curve sideways."""

    width: int
    height: int
    focal: float
    u0: float
    v0: float
    x: float
    eye: float
    bend: float

    def seen(self, point: Point) -> Point:
        """Return the point relative to the eye, with the bend of the street applied."""
        x, y, z = point
        return x - self.x + self.bend * z * z, y - self.eye, z

    def pixel(self, seen: Point) -> Pixel:
        """Project a point relative to the eye that is not nearer than `NEAR`."""
        scale = self.focal / seen[2]
        return self.u0 + seen[0] * scale, self.v0 - seen[1] * scale

    def outline(self, seen: list[Point]) -> list[Pixel]:
        """Project a polygon relative to the eye, cut off at the near plane."""
        if any(p[2] < NEAR for p in seen):
            seen = _clip(seen)
        return [self.pixel(p) for p in seen]

    def ground(self) -> tuple[int, NDArray[np.float32], NDArray[np.float32]]:
        """Return the first row of ground, z of each such row, and x of each such pixel."""
        top = min(max(int(self.v0) + 1, 0), self.height)
        rows = np.arange(top, self.height, dtype=np.float32) + 0.5 - self.v0
        z = (self.focal * self.eye / rows).astype(np.float32)
        across = (np.arange(self.width, dtype=np.float32) + 0.5 - self.u0) / self.focal
        x = across[None, :] * z[:, None] + (self.x - self.bend * z * z)[:, None]
        return top, z, x.astype(np.float32)


def _clip(polygon: list[Point]) -> list[Point]:
    """Return the part of the polygon beyond the near plane."""
    kept: list[Point] = []
    for a, b in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if a[2] >= NEAR:
            kept.append(a)
        if (a[2] >= NEAR) != (b[2] >= NEAR):
            t = (NEAR - a[2]) / (b[2] - a[2])
            kept.append((a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), NEAR))
    return kept


def place_camera(
    style: Style, lane: float, width: int, height: int, rng: np.random.Generator
) -> Camera:
    """Return a camera near the lane centre `lane`, looking ahead, for a canvas of that size."""
    return Camera(
        width=width,
        height=height,
        focal=style.focal * width,
        u0=width * rng.uniform(0.42, 0.58),
        v0=height * rng.uniform(*style.horizon),
        x=lane + rng.uniform(-0.4, 0.4),
        eye=style.eye * rng.uniform(0.94, 1.06),
        bend=rng.normal(0.0, 0.0006),
    )
