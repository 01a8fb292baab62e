"""Open lots along the street: parks, and yards behind walls and fences."""

import math
from itertools import pairwise

import numpy as np

from .buildings import paint_pane
from .camera import Point
from .canvas import Canvas
from .classes import FENCE, TERRAIN, WALL
from .colour import pick, tinted
from .greenery import draw_bush, draw_tree
from .scene import FAR
from .things import Thing, thing


def draw_park(canvas: Canvas, item: Thing, rng: np.random.Generator) -> None:
    """Paint trees and bushes on a lawn, from far to near."""
    side = math.copysign(1.0, item.x)
    far = min(item.z + item.length, FAR)
    low, high = item.x + side * 14.0, item.x + side * 28.0  # the lawn ends in a slope
    slope: list[Point] = [(low, 0, item.z), (low, 0, far), (high, 2.5, far), (high, 2.5, item.z)]
    canvas.face(slope, canvas.style.grass, TERRAIN)
    count = int(item.length / 2.2)
    for z in sorted(rng.uniform(item.z, far, count).tolist(), reverse=True):
        x = item.x + side * rng.uniform(1.5, 13.0)
        if rng.random() < 0.35:
            draw_bush(canvas, thing("bush", x, z, size=rng.uniform(0.7, 1.5)), rng)
        else:
            draw_tree(canvas, thing("tree", x, z, size=rng.uniform(0.8, 1.5)), rng)


def draw_wall(canvas: Canvas, item: Thing, rng: np.random.Generator) -> None:
    """Paint a garden wall with a coping and courses, a few trees behind it."""
    draw_park(canvas, item, rng)
    colour, top = pick(canvas.style.masonry, rng), rng.uniform(1.7, 2.6)
    x, far = item.x, min(item.z + item.length, FAR)
    cuts = np.linspace(item.z, far, max(3, int(item.length / 3))).tolist()
    for a, b in reversed(list(pairwise(cuts))):
        canvas.face([(x, 0, a), (x, 0, b), (x, top, b), (x, top, a)], colour, WALL)
        for y in (0.3 * top, 0.6 * top):
            paint_pane(canvas, x, (a + b) / 2, (b - a) / 2, y, 0.06, tinted(colour, 0.8))
        paint_pane(canvas, x, a + 0.15, 0.15, 0.0, top, tinted(colour, 0.86))
        paint_pane(canvas, x, (a + b) / 2, (b - a) / 2, top - 0.18, 0.18, tinted(colour, 1.15))


def draw_fence(canvas: Canvas, item: Thing, rng: np.random.Generator) -> None:
    """Paint a fence: two rails and pickets before a dark hedge, a few trees behind it."""
    draw_park(canvas, item, rng)
    colour, top = pick(canvas.style.railing, rng), rng.uniform(1.1, 1.7)
    x, far = item.x, min(item.z + item.length, FAR)
    gap = tinted(canvas.style.foliage[0], 0.75)
    step = 0.42
    count = min(int((far - item.z) / step), 70)
    canvas.face([(x, 0, item.z), (x, 0, far), (x, top, far), (x, top, item.z)], gap, FENCE)
    for i in reversed(range(count)):
        paint_pane(canvas, x, item.z + (i + 0.5) * step, step * 0.26, 0.0, top, colour)
    for y in (0.15, top - 0.2):
        paint_pane(canvas, x, (item.z + far) / 2, (far - item.z) / 2, y, 0.12, colour)
