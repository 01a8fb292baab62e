"""People, riders, bicycles and motorcycles: flat figures made of bars and discs."""

import math

import numpy as np

from .canvas import Canvas
from .classes import BICYCLE, MOTORCYCLE, PERSON, RIDER
from .colour import Colour, Palette, pick, tinted
from .solid import LAMP, RED
from .sprite import Sprite
from .things import Thing

SKIN: Palette = ((226, 184, 150), (196, 148, 112), (140, 98, 72))
HAIR: Palette = ((40, 32, 28), (92, 66, 44), (150, 120, 80), (110, 106, 104))
RUBBER: Colour = (34, 34, 36)


def draw_person(canvas: Canvas, item: Thing, rng: np.random.Generator) -> None:
    """Paint a walking or standing person."""
    sprite = Sprite(canvas, item.x, item.z, item.size, 1.0)
    coat, trousers = pick(canvas.style.clothes, rng), pick(canvas.style.clothes, rng)
    stride = rng.uniform(0.04, 0.26)
    for foot, gain in ((-stride, 0.85), (stride, 1.0)):
        sprite.bar((0.3 * foot, 0.9), (foot, 0.05), 0.17, tinted(trousers, gain), PERSON)
        sprite.bar((foot - 0.07, 0.04), (foot + 0.09, 0.04), 0.08, RUBBER, PERSON)
    skirt = rng.uniform(0.72, 0.92)
    sprite.bar((-0.19, 1.4), (-0.25 - 0.3 * stride, 0.85), 0.12, tinted(coat, 0.8), PERSON)
    sprite.bar((0.19, 1.4), (0.25 + 0.3 * stride, 0.85), 0.12, tinted(coat, 0.8), PERSON)
    torso = [(-0.23, 1.45), (0.23, 1.45), (0.2, skirt), (-0.2, skirt)]
    sprite.shape(torso, coat, PERSON)
    _head(sprite, (0.0, 1.62), pick(SKIN, rng), pick(HAIR, rng), PERSON)
    if rng.random() < 0.3:
        bag = [(0.14, 1.35), (0.32, 1.3), (0.32, 0.95), (0.14, 0.95)]
        sprite.shape(bag, pick(canvas.style.clothes, rng), PERSON)


def _head(
    sprite: Sprite, middle: tuple[float, float], skin: Colour, hair: Colour, label: int
) -> None:
    sprite.bar((middle[0], middle[1] - 0.2), middle, 0.1, tinted(skin, 0.85), label)
    sprite.disc((middle[0], middle[1] + 0.02), 0.135, hair, label)
    sprite.disc((middle[0], middle[1] - 0.03), 0.105, skin, label)


def _squash(item: Thing) -> float:
    """Return how wide a two-wheeler looks: full from the side, narrow from behind."""
    return max(0.24, abs(math.sin(item.heading)))


def draw_bicycle(canvas: Canvas, item: Thing, rng: np.random.Generator) -> None:
    """Paint a bicycle: two wheels, frame, saddle and handlebar."""
    sprite = Sprite(canvas, item.x, item.z, item.size, _squash(item))
    colour = pick(canvas.style.paint, rng)
    for x in (-0.52, 0.52):
        sprite.disc((x, 0.35), 0.36, RUBBER, BICYCLE)
        sprite.disc((x, 0.35), 0.27, (112, 114, 114), BICYCLE)
        sprite.disc((x, 0.35), 0.06, RUBBER)
    hub, rear, front = (-0.05, 0.35), (-0.52, 0.35), (0.52, 0.35)
    saddle, head = (-0.2, 0.88), (0.36, 0.86)
    tubes = ((rear, hub), (rear, saddle), (hub, saddle), (hub, head), (saddle, head), (front, head))
    for a, b in tubes:
        sprite.bar(a, b, 0.07, colour, BICYCLE)
    sprite.bar((-0.34, 0.93), (-0.08, 0.93), 0.09, RUBBER, BICYCLE)
    _handlebar(sprite, (0.36, 1.0), colour, BICYCLE)


def draw_motorcycle(canvas: Canvas, item: Thing, rng: np.random.Generator) -> None:
    """Paint a motorcycle: fat wheels, engine, tank, seat, lamps."""
    squash = max(0.3, _squash(item))
    sprite = Sprite(canvas, item.x, item.z, item.size, squash)
    colour = pick(canvas.style.paint, rng)
    for x in (-0.68, 0.7):
        sprite.disc((x, 0.32), 0.33, RUBBER, MOTORCYCLE)
        sprite.disc((x, 0.32), 0.16, (130, 132, 136), MOTORCYCLE)
    engine = [(-0.45, 0.25), (0.35, 0.25), (0.45, 0.65), (-0.5, 0.65)]
    sprite.shape(engine, (66, 66, 70), MOTORCYCLE)
    sprite.bar((0.7, 0.32), (0.42, 0.95), 0.12, (120, 122, 126), MOTORCYCLE)
    body = [(-0.95, 0.72), (-0.9, 0.86), (-0.1, 0.8), (0.1, 0.98), (0.5, 0.92), (0.45, 0.55)]
    sprite.shape([*body, (-0.4, 0.55)], colour, MOTORCYCLE)
    sprite.bar((-0.75, 0.87), (-0.05, 0.85), 0.12, RUBBER, MOTORCYCLE)
    x, lamp = (-0.95, RED) if math.cos(item.heading) > 0 else (0.55, LAMP)
    sprite.disc((x, 0.8), 0.1, lamp, MOTORCYCLE, glow=True)
    _handlebar(sprite, (0.38, 1.06), RUBBER, MOTORCYCLE)


def _handlebar(sprite: Sprite, grip: tuple[float, float], colour: Colour, label: int) -> None:
    """Paint the bar across: long when the two-wheeler is seen from its end."""
    x, y = grip
    half = 0.3 / (sprite.squash * 3) if sprite.squash < 0.6 else 0.1
    sprite.bar((x, y - 0.14), (x, y), 0.05, colour, label)
    sprite.bar((x - half, y), (x + half, y), 0.06, RUBBER, label)


def draw_rider(canvas: Canvas, item: Thing, rng: np.random.Generator) -> None:
    """Paint a rider on top of a bicycle or motorcycle."""
    motor = item.kind == "motorcyclist"
    (draw_motorcycle if motor else draw_bicycle)(canvas, item, rng)
    squash = max(0.62, _squash(item))
    sprite = Sprite(canvas, item.x, item.z, item.size, squash)
    coat, trousers = pick(canvas.style.clothes, rng), pick(canvas.style.clothes, rng)
    hip = (-0.2, 0.88 if motor else 0.98)
    knee, foot = (0.22, 0.68), (0.02, 0.25)
    for shift, gain in ((0.06, 0.8), (-0.04, 1.0)):
        leg = tinted(trousers, gain)
        sprite.bar(hip, (knee[0] + shift, knee[1]), 0.19, leg, RIDER)
        sprite.bar((knee[0] + shift, knee[1]), (foot[0] + shift, foot[1]), 0.15, leg, RIDER)
    shoulder = (0.1, hip[1] + 0.52)
    sprite.bar(hip, shoulder, 0.42, coat, RIDER)
    sprite.bar((0.15, shoulder[1] - 0.08), (0.38, 1.04), 0.12, tinted(coat, 0.8), RIDER)
    helmet = pick(canvas.style.paint, rng) if motor or rng.random() < 0.5 else pick(HAIR, rng)
    _head(sprite, (0.16, shoulder[1] + 0.2), pick(SKIN, rng), helmet, RIDER)
    sprite.disc((0.15, shoulder[1] + 0.26), 0.14, helmet, RIDER)
