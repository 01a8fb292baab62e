"""Trucks, buses and trams."""

import math

import numpy as np

from .canvas import Canvas
from .classes import BUS, TRAIN, TRUCK
from .colour import Colour, pick, tinted
from .solid import LAMP, PLATE, RED, Profile, Solid, box
from .things import Thing


def draw_truck(canvas: Canvas, item: Thing, rng: np.random.Generator) -> None:
    """Paint a truck: a box on a dark frame, and its cab, the farther part first."""
    load, paint = pick(canvas.style.livery, rng), pick(canvas.style.paint, rng)
    frame = Solid(canvas, item, TRUCK, 0.8)
    frame.underside(3.8, 1.15, 0.7)
    frame.hull(box(-4.0, 4.0, 0.55, 1.0, 1.1), (44, 44, 46))
    parts = [(-1.1, _truck_box), (3.1, _truck_cab)]
    ahead = math.cos(item.heading) > 0
    for shift, part in reversed(parts) if ahead else parts:
        part(Solid(canvas, item, TRUCK, 1.9, shift), load if shift < 0 else paint)
    frame.wheels((-2.9, -1.7, 3.0), 0.48, 1.2)
    for w in (-1.15, 0.8):
        frame.end(-4.0, (w, w + 0.35), 0.72, 0.22, RED)
    frame.end(-4.0, (-0.3, 0.3), 0.6, 0.16, PLATE)


def _truck_box(part: Solid, colour: Colour) -> None:
    part.hull(box(-2.95, 2.95, 0.95, 3.5, 1.25), colour)
    part.end(-2.95, (-0.04, 0.04), 1.0, 2.45, tinted(colour, 0.55))
    for w in (-1.2, 1.08):
        part.end(-2.95, (w, w + 0.12), 1.0, 2.45, tinted(colour, 0.75))
    part.side((-2.2, 2.2), 1.9, 0.7, 1.25, tinted(colour, 0.7))


def _truck_cab(part: Solid, colour: Colour) -> None:
    part.hull(box(-0.95, 0.95, 0.5, 2.8, 1.2), colour)
    part.end(0.95, (-1.05, 1.05), 1.55, 0.9, tinted(part.canvas.style.glass, 0.62))
    part.side((0.0, 0.8), 1.6, 0.75, 1.2, tinted(part.canvas.style.glass, 0.62))
    part.end(0.95, (-0.8, 0.8), 0.85, 0.4, (40, 40, 42))
    for w in (-1.1, 0.75):
        part.end(0.95, (w, w + 0.35), 0.62, 0.2, LAMP)


def draw_bus(canvas: Canvas, item: Thing, rng: np.random.Generator) -> None:
    """Paint a bus: a window band in panes, doors, destination boards."""
    paint, glass = pick(canvas.style.livery, rng), tinted(canvas.style.glass, 0.7)
    body = Solid(canvas, item, BUS, 1.6)
    body.underside(5.6, 1.2, 0.4)
    body.hull(box(-5.75, 5.75, 0.32, 3.05, 1.27), paint)
    body.side((-5.7, 5.7), 0.32, 0.45, 1.27, tinted(paint, 0.6))
    for i in range(7):
        body.side((-5.4 + 1.55 * i, -4.0 + 1.55 * i), 1.35, 1.1, 1.27, glass)
    body.wheels((-3.4, 3.2), 0.48, 1.28)
    for end, y, high in ((-5.75, 1.5, 1.0), (5.75, 1.1, 1.5)):
        body.end(end, (-1.1, 1.1), y, high, glass)
        body.end(end, (-0.8, 0.8), 2.66, 0.28, (236, 160, 40) if end > 0 else (30, 30, 32))
    for w in (-1.2, 0.9):
        body.end(-5.75, (w, w + 0.3), 0.7, 0.45, RED)
        body.end(5.75, (w, w + 0.3), 0.55, 0.25, LAMP)
    body.end(-5.75, (-0.3, 0.3), 0.6, 0.16, PLATE)


def draw_tram(canvas: Canvas, item: Thing, rng: np.random.Generator) -> None:
    """Paint a tram: a long body with tapered noses, doors, joints and a pantograph."""
    paint, glass = pick(canvas.style.livery, rng), tinted(canvas.style.glass, 0.7)
    nose: Profile = (
        (-12.0, 0.2, 1.15), (-12.0, 1.2, 1.2), (-11.2, 3.2, 1.1),
        (11.2, 3.2, 1.1), (12.0, 1.2, 1.2), (12.0, 0.2, 1.15),
    )  # fmt: skip
    body = Solid(canvas, item, TRAIN, 1.6)
    body.side((-1.0, 1.0), 3.2, 0.25, 0.8, (70, 72, 74))
    for arm in ((-0.9, 3.3, 0.9, 4.5), (0.9, 3.3, -0.9, 4.5)):
        a, y, b, v = arm
        points = [(a, y, 0.0), (a + 0.12, y, 0.0), (b + 0.12, v, 0.0), (b, v, 0.0)]
        canvas.face([body.at(*p) for p in points], (50, 52, 54), TRAIN)
    body.hull(nose, paint)
    body.side((-11.9, 11.9), 0.2, 0.35, 1.21, (48, 50, 52))
    body.side((-11.9, 11.9), 0.9, 0.3, 1.21, (232, 230, 224))
    for i in range(11):
        door = i % 4 == 2
        low = 0.5 if door else 1.45
        span = (-10.9 + 2.0 * i, -9.3 + 2.0 * i - 0.3 * door)
        body.side(span, low, 2.65 - low, 1.21, glass)
    for joint in (-4.0, 4.0):
        body.side((joint - 0.2, joint + 0.2), 0.2, 3.0, 1.22, (58, 58, 60))
    for s in (-1, 1):
        low_edge, high_edge = s * 11.95, s * 11.35
        screen = [(low_edge, 1.4, -1.0), (low_edge, 1.4, 1.0), (high_edge, 2.8, 0.95)]
        body.face([*screen, (high_edge, 2.8, -0.95)], glass)
        for w in (-1.0, 0.75):
            body.end(s * 12.0, (w, w + 0.25), 0.75, 0.22, LAMP if s > 0 else RED)
