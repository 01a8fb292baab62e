"""Cars and vans."""

import numpy as np

from .canvas import Canvas
from .classes import CAR
from .colour import Colour, pick, tinted
from .solid import LAMP, PLATE, RED, Profile, Solid
from .things import Thing

SALOON: Profile = (
    (-2.15, 0.28, 0.84), (-2.15, 0.92, 0.88), (-1.75, 0.98, 0.88), (-1.2, 1.42, 0.66),
    (0.2, 1.45, 0.66), (1.0, 0.98, 0.86), (2.05, 0.78, 0.86), (2.12, 0.28, 0.84),
)  # fmt: skip
HATCHBACK: Profile = (
    (-1.95, 0.28, 0.84), (-1.95, 0.9, 0.88), (-1.9, 0.98, 0.88), (-1.5, 1.5, 0.68),
    (0.2, 1.52, 0.68), (0.95, 1.0, 0.86), (1.9, 0.8, 0.86), (1.95, 0.28, 0.84),
)  # fmt: skip
VAN: Profile = (
    (-2.4, 0.3, 0.95), (-2.42, 0.98, 0.97), (-2.42, 1.0, 0.97), (-2.3, 2.05, 0.85),
    (1.2, 2.05, 0.85), (1.9, 1.1, 0.95), (2.4, 0.9, 0.95), (2.45, 0.3, 0.95),
)  # fmt: skip


def draw_car(canvas: Canvas, item: Thing, rng: np.random.Generator) -> None:
    """Paint a saloon, hatchback or van."""
    van = item.kind == "van"
    profile = VAN if van else (SALOON, HATCHBACK)[int(rng.integers(2))]
    paint, glass = pick(canvas.style.paint, rng), tinted(canvas.style.glass, 0.62)
    body = Solid(canvas, item, CAR, 0.75)
    rear, front = profile[0][0], profile[-1][0]
    body.underside(front - 0.15, 0.84, 0.35)
    body.hull(profile, paint)
    _greenhouse(body, profile, glass)
    body.wheels((rear + 0.78, front - 0.8), 0.33, 0.9 + 0.07 * van)
    for w in (-0.86, 0.56):
        body.end(rear, (w, w + 0.3), 0.66, 0.22, RED)
        body.end(front, (w, w + 0.3), 0.56, 0.18, LAMP)
    body.end(rear, (-0.26, 0.26), 0.5, 0.13, PLATE)
    body.end(rear, (-0.84, 0.84), 0.28, 0.16, tinted(paint, 0.45))
    body.end(front, (-0.5, 0.5), 0.34, 0.22, (34, 34, 36))


def _greenhouse(body: Solid, profile: Profile, glass: Colour) -> None:
    """Paint rear window, windscreen and side windows inside the upper part of the profile."""
    for foot, head in ((2, 3), (5, 4)):
        (a, y, w), (b, v, q) = profile[foot], profile[head]
        points = [(a, y, -w), (a, y, w), (b, v, q), (b, v, -q)]
        middle = tuple(sum(p[i] for p in points) / 4 for i in range(3))
        inset = [tuple(m + 0.82 * (c - m) for c, m in zip(p, middle, strict=True)) for p in points]
        body.face([(p[0], p[1], p[2]) for p in inset], glass)
    (a, y, w), (b, v, q), (c, _, _), (d, _, _) = profile[2], profile[3], profile[4], profile[5]
    for s in (-1, 1):
        split = (b + c) / 2
        low, high = y + 0.04, v - 0.09
        back = [(a + 0.3, low, s * w), (split - 0.05, low, s * w), (split - 0.05, high, s * q)]
        body.face([*back, (b + 0.08, high, s * q)], glass)
        fore = [(split + 0.05, low, s * w), (d - 0.2, low, s * w), (c + 0.02, high, s * q)]
        body.face([*fore, (split + 0.05, high, s * q)], glass)
