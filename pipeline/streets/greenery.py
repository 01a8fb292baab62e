"""Trees and bushes."""

import math

import numpy as np

from .canvas import Canvas
from .classes import VEGETATION
from .colour import Colour, tinted
from .sprite import Sprite
from .things import Thing

BARK: Colour = (82, 68, 56)


def draw_tree(canvas: Canvas, item: Thing, rng: np.random.Generator) -> None:
    """Paint a tree: trunk, crown of dark, middle and light clumps."""
    sprite = Sprite(canvas, item.x, item.z, item.size, 1.0)
    stem = rng.uniform(1.9, 2.8)
    sprite.bar((0, 0), (0, stem + 0.8), 0.3, BARK, VEGETATION)
    _crown(canvas, sprite, (0.0, stem + 1.9), (1.8, rng.uniform(1.8, 2.6)), rng)


def draw_bush(canvas: Canvas, item: Thing, rng: np.random.Generator) -> None:
    """Paint a bush: a crown on the ground."""
    sprite = Sprite(canvas, item.x, item.z, item.size, 1.0)
    _crown(canvas, sprite, (0.0, 0.55), (rng.uniform(0.8, 1.3), 0.65), rng)


def _crown(
    canvas: Canvas,
    sprite: Sprite,
    middle: tuple[float, float],
    radius: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    palette = canvas.style.foliage
    colour = palette[int(rng.integers(len(palette)))]
    lean = 0.25 * math.copysign(1.0, canvas.sun[0])
    depth = 0.2 + canvas.style.sun  # how much light and dark parts of the crown differ
    clumps = 5 if sprite.scale < 9 else 8
    for step, gain in enumerate((1 - depth * 0.6, 1.0, 1 + depth * 0.6)):
        shrink = 1 - 0.22 * step
        for angle, way, size, tone in rng.random((clumps - step, 4)).tolist():
            turn, reach = 2 * math.pi * angle, 0.25 + 0.37 * way
            x = middle[0] + radius[0] * (reach * math.cos(turn) * shrink + lean * step * 0.35)
            y = middle[1] + radius[1] * (reach * math.sin(turn) * shrink + 0.13 * step)
            green = tinted(colour, gain * (0.9 + 0.2 * tone))
            sprite.disc((x, y), radius[0] * (0.31 + 0.18 * size) * shrink, green, VEGETATION, 9)
