"""Buildings: along the street, and far away."""

import math
from itertools import pairwise

import numpy as np

from .camera import Point
from .canvas import Canvas
from .classes import BUILDING, VEGETATION
from .colour import Colour, pick, tinted
from .scene import FAR
from .things import FLOOR, Thing

GROUND_FLOOR = 3.8


def draw_skyline(canvas: Canvas, rng: np.random.Generator) -> None:
    """Paint the far end of the view: houses and treetops across the whole width."""
    style, z = canvas.style, FAR + 25.0
    x = canvas.camera.x - 130.0
    while x < 130.0:
        wide = rng.uniform(7, 22)
        if rng.random() < 0.5:
            high = rng.uniform(0.6, 1.3) * FLOOR * style.floors[1]
            end = x + wide
            box: list[Point] = [(x, 0, z), (end, 0, z), (end, high, z), (x, high, z)]
            canvas.face(box, pick(style.facades, rng), BUILDING)
        else:
            turn = [math.pi * i / 8 for i in range(9)]
            arc = [(0.5 - 0.6 * math.cos(t), 7 * abs(math.sin(t)) ** 0.5) for t in turn]
            canvas.face(
                [(x + wide * a, y, z) for a, y in arc], pick(style.foliage, rng), VEGETATION
            )
        x += wide * 0.8


def draw_building(canvas: Canvas, item: Thing, rng: np.random.Generator) -> None:
    """Paint a house: the side towards the camera, the front along the street, its roof."""
    style = canvas.style
    floors = int(rng.integers(style.floors[0], style.floors[1] + 1))
    top = GROUND_FLOOR + FLOOR * (floors - 1) + rng.uniform(0.3, 1.0)
    colour, roof = pick(style.facades, rng), pick(style.roofs, rng)
    x, near, far = item.x, item.z, min(item.z + item.length, FAR)
    back = x + math.copysign(11.0, x)
    end: list[Point] = [(x, 0, near), (back, 0, near), (back, top, near), (x, top, near)]
    canvas.face(end, colour, BUILDING)
    if rng.random() < 0.6:
        _roof(canvas, x, near, far, top, roof)
    bays = max(2, round((far - near) / rng.uniform(2.4, 3.6)))
    cuts = [near + (far - near) * i / bays for i in range(bays + 1)]
    for a, b in reversed(list(pairwise(cuts))):
        canvas.face([(x, 0, a), (x, 0, b), (x, top, b), (x, top, a)], colour, BUILDING)
    _end_windows(canvas, x, near, floors, colour, rng)
    _openings(canvas, x, cuts, floors, colour, rng)
    _cornice(canvas, x, near, far, top, tinted(colour, 1.12))


def _end_windows(
    canvas: Canvas, x: float, z: float, floors: int, wall: Colour, rng: np.random.Generator
) -> None:
    """Paint a few windows, and the dark base, of the side towards the camera."""
    out = math.copysign(1.0, x)
    base = [(x, 0.0, z), (x + 11 * out, 0.0, z), (x + 11 * out, 0.7, z), (x, 0.7, z)]
    canvas.face(base, tinted(wall, 0.8))
    columns = (2.2, 5.5, 8.8)[: int(rng.integers(4))]
    for column in columns:
        for floor in range(floors):
            y, a, b = 1.0 + FLOOR * floor, x + out * (column - 0.6), x + out * (column + 0.6)
            pane = tinted(canvas.style.glass, float(rng.uniform(0.75, 1.3)))
            canvas.face([(a, y, z), (b, y, z), (b, y + 1.5, z), (a, y + 1.5, z)], pane)


def _roof(canvas: Canvas, x: float, near: float, far: float, top: float, colour: Colour) -> None:
    ridge, height = x + math.copysign(4.0, x), top + 2.6
    gable: list[Point] = [(x, top, near), (2 * ridge - x, top, near), (ridge, height, near)]
    canvas.face(gable, tinted(colour, 1.1), BUILDING)
    slope: list[Point] = [(x, top, near), (x, top, far)]
    slope += [(ridge, height, far), (ridge, height, near)]
    canvas.face(slope, colour, BUILDING)


def _cornice(canvas: Canvas, x: float, near: float, far: float, top: float, c: Colour) -> None:
    for y in (top - 0.3, GROUND_FLOOR - 0.25):
        canvas.face([(x, y, near), (x, y, far), (x, y + 0.3, far), (x, y + 0.3, near)], c)


def _openings(
    canvas: Canvas, x: float, cuts: list[float], floors: int, wall: Colour,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Paint windows floor by floor, and the shops or doors of the ground floor."""
    glass, frame = canvas.style.glass, tinted(wall, rng.choice((0.7, 1.25)))
    share, sill = rng.uniform(0.4, 0.66), rng.uniform(0.7, 1.0)
    shop = rng.random() < 0.5
    awning = pick(canvas.style.livery, rng)
    for a, b in pairwise(cuts):
        if b < 1.0:
            continue
        middle, half = (a + b) / 2, (b - a) * share / 2
        detailed = canvas.pixels_per_metre(b) > 9
        for floor in range(floors):
            y = GROUND_FLOOR + FLOOR * (floor - 1) + sill if floor else 0.5
            high = 1.65 if floor else 2.3
            wide = (b - a) * 0.42 if floor == 0 and shop else half
            pane = tinted(glass, float(rng.uniform(0.75, 1.3)))
            if detailed:
                paint_pane(canvas, x, middle, wide + 0.14, y - 0.14, high + 0.28, frame)
            paint_pane(canvas, x, middle, wide, y, high, pane)
            if detailed and floor:
                paint_pane(canvas, x, middle, 0.05, y, high, frame)
        if shop:
            paint_pane(canvas, x, middle, (b - a) * 0.46, 2.75, 0.6, awning)


def paint_pane(
    canvas: Canvas, x: float, middle: float, half: float, y: float, high: float, colour: Colour
) -> None:
    """Paint a rectangle on the front line x, around the depth `middle`."""
    a, b = middle - half, middle + half
    canvas.face([(x, y, a), (x, y, b), (x, y + high, b), (x, y + high, a)], colour)
