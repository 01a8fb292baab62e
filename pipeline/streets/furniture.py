"""Poles and what hangs on them: lamps, signs, traffic lights; bollards."""

import math

import numpy as np

from .canvas import Canvas
from .classes import LIGHT, POLE, SIGN
from .colour import Colour
from .sprite import Sprite
from .things import Thing

WHITE: Colour = (238, 238, 234)
RED: Colour = (204, 36, 34)
BLUE: Colour = (36, 84, 176)
YELLOW: Colour = (240, 196, 40)
GREEN: Colour = (30, 120, 84)
BLACK: Colour = (30, 32, 34)


def draw_lamp(canvas: Canvas, item: Thing, _rng: np.random.Generator) -> None:
    """Paint a street lamp whose arm reaches over the road."""
    sprite = Sprite(canvas, item.x, item.z, item.size, 1.0)
    metal, over = canvas.style.metal, -math.copysign(1.0, item.x)
    sprite.bar((0, 0), (0, 6.6), 0.17, metal, POLE)
    sprite.bar((0, 0), (0, 0.9), 0.26, metal, POLE)
    sprite.bar((0, 6.5), (1.5 * over, 7.0), 0.12, metal, POLE)
    sprite.bar((1.1 * over, 6.92), (1.9 * over, 7.05), 0.2, (206, 206, 200), POLE)


def draw_bollard(canvas: Canvas, item: Thing, _rng: np.random.Generator) -> None:
    """Paint a bollard with a bright ring."""
    sprite = Sprite(canvas, item.x, item.z, item.size, 1.0)
    sprite.bar((0, 0), (0, 0.95), 0.17, canvas.style.metal, POLE)
    sprite.bar((0, 0.72), (0, 0.84), 0.17, WHITE, POLE)


def draw_signal(canvas: Canvas, item: Thing, rng: np.random.Generator) -> None:
    """Paint a pole with a traffic light, sometimes with a second one over the road."""
    sprite = Sprite(canvas, item.x, item.z, item.size, 1.0)
    over, lit = -math.copysign(1.0, item.x), int(rng.integers(3))
    mast = rng.random() < 0.45
    sprite.bar((0, 0), (0, 5.6 if mast else 3.3), 0.17, canvas.style.metal, POLE)
    _lamps(sprite, (0.1 * over, 2.9), lit)
    if mast:
        sprite.bar((0, 5.4), (2.9 * over, 5.5), 0.15, canvas.style.metal, POLE)
        _lamps(sprite, (2.6 * over, 5.2), lit)


def _lamps(sprite: Sprite, middle: tuple[float, float], lit: int) -> None:
    """Paint a box of three lamps, the one numbered `lit` from above alight."""
    x, y = middle
    box = [(x - 0.23, y - 0.6), (x + 0.23, y - 0.6), (x + 0.23, y + 0.6), (x - 0.23, y + 0.6)]
    sprite.shape(box, BLACK, LIGHT)
    on = ((255, 60, 44), (255, 190, 50), (70, 236, 130))
    off = ((84, 30, 28), (84, 66, 28), (26, 70, 46))
    for lamp in range(3):
        colour = on[lamp] if lamp == lit else off[lamp]
        sprite.disc((x, y + 0.37 - 0.37 * lamp), 0.15, colour, corners=8, glow=lamp == lit)


def draw_sign(canvas: Canvas, item: Thing, rng: np.random.Generator) -> None:
    """Paint a traffic sign of one of seven kinds on its pole."""
    sprite = Sprite(canvas, item.x, item.z, item.size, 1.0)
    height = rng.uniform(2.2, 2.7)
    sprite.bar((0, 0), (0, height + 0.3), 0.1, canvas.style.metal, POLE)
    kind = rng.choice(("limit", "yield", "stop", "blue", "square", "diamond", "board"))
    at = (0.0, height)
    if kind == "board":
        for grow, colour in ((0.05, WHITE), (0.0, (GREEN, BLUE)[int(rng.integers(2))])):
            w, h = 0.75 + grow, 0.34 + grow
            sprite.shape(
                [(-w, height - h), (w, height - h), (w, height + h), (-w, height + h)], colour, SIGN
            )
        sprite.bar((-0.5, height + 0.1), (0.4, height + 0.1), 0.09, WHITE)
        sprite.bar((-0.5, height - 0.12), (0.15, height - 0.12), 0.09, WHITE)
        return
    corners, rim, inside, mark = {
        "limit": (12, RED, WHITE, BLACK),
        "yield": (3, RED, WHITE, None),
        "stop": (8, WHITE, RED, WHITE),
        "blue": (12, WHITE, BLUE, WHITE),
        "square": (4, WHITE, BLUE, WHITE),
        "diamond": (4, WHITE, YELLOW, None),
    }[str(kind)]
    radius = 0.42 if corners > 4 else 0.5
    _plate(sprite, at, radius, rim, corners, kind == "diamond")
    _plate(sprite, at, radius * 0.72, inside, corners, kind == "diamond")
    if mark is not None:
        sprite.bar((-0.16, height), (0.16, height), 0.13, mark)


def _plate(
    sprite: Sprite, at: tuple[float, float], radius: float, colour: Colour, corners: int, turn: bool
) -> None:
    """Paint a regular plate standing on an edge, or on a corner if turned."""
    first = 0.0 if turn else 0.5
    turns = [2 * math.pi * (i + first) / corners for i in range(corners)]
    points = [(at[0] + radius * math.sin(t), at[1] - radius * math.cos(t)) for t in turns]
    sprite.shape(points, colour, SIGN)
