"""Vehicles as solids: a side profile drawn across the width, with parts on its faces."""

import math
from dataclasses import dataclass

from .camera import Point
from .canvas import Canvas
from .colour import Colour
from .things import Thing

TYRE: Colour = (26, 26, 28)
RED: Colour = (196, 34, 30)
LAMP: Colour = (244, 240, 220)
PLATE: Colour = (236, 232, 214)

Pair = tuple[float, float]
Profile = tuple[tuple[float, float, float], ...]  # along, up, half the width there


@dataclass(frozen=True)
class Solid:
    """The local frame of a vehicle: along its heading, up, and to its right."""

    canvas: Canvas
    item: Thing
    label: int
    centre_height: float
    shift: float = 0.0  # of this part along the vehicle

    def at(self, along: float, up: float, right: float) -> Point:
        """Return the place in the street of a point of the vehicle."""
        sin, cos = math.sin(self.item.heading), math.cos(self.item.heading)
        along += self.shift
        return (
            self.item.x + along * sin + right * cos,
            up,
            self.item.z + along * cos - right * sin,
        )

    def face(self, points: list[Point], colour: Colour) -> None:
        """Paint a flat part of the hull (points along, up, right) if it faces the camera."""
        centre = self.at(0.0, self.centre_height, 0.0)
        self.canvas.face([self.at(*p) for p in points], colour, self.label, centre)

    def hull(self, profile: Profile, colour: Colour) -> None:
        """Paint all faces of the body between its two sides, from far to near."""
        faces = [[(a, y, -w) for a, y, w in profile], [(a, y, w) for a, y, w in profile]]
        for (a, y, w), (b, v, q) in zip(profile, profile[1:] + profile[:1], strict=True):
            faces.append([(a, y, -w), (a, y, w), (b, v, q), (b, v, -q)])
        faces.sort(key=lambda f: -sum(self.at(*p)[2] for p in f) / len(f))
        for points in faces:
            self.face(points, colour)

    def end(self, along: float, span: Pair, y: float, high: float, c: Colour) -> None:
        """Paint a rectangle across the vehicle, on its rear or front."""
        a, b = span
        self.face([(along, y, a), (along, y, b), (along, y + high, b), (along, y + high, a)], c)

    def side(self, span: Pair, y: float, high: float, half: float, c: Colour) -> None:
        """Paint a rectangle along both sides."""
        a, b = span
        for w in (-half, half):
            self.face([(a, y, w), (b, y, w), (b, y + high, w), (a, y + high, w)], c)

    def wheels(self, axles: tuple[float, ...], radius: float, half: float) -> None:
        """Paint the wheels on both sides, and their treads at the ends."""
        turn = [math.pi * i / 5 for i in range(10)]
        for w in (-half, half):
            for axle in axles:
                for r, colour in ((radius, TYRE), (0.55 * radius, (120, 122, 126))):
                    rim = [(axle + r * math.cos(t), radius + r * math.sin(t), w) for t in turn]
                    self.face([(a, y, b) for a, y, b in rim], colour)

    def underside(self, half_length: float, half: float, clearance: float) -> None:
        """Paint the dark between the wheels and the tyres seen from behind and in front."""
        for end in (-half_length, half_length):
            self.end(end, (-half, half), 0.14, clearance - 0.1, (30, 30, 32))
            for w in (-half, half - 0.22):
                self.end(end, (w, w + 0.22), 0.0, clearance + 0.05, TYRE)


def box(rear: float, front: float, low: float, high: float, half: float) -> Profile:
    """Return the profile of a plain box."""
    return ((rear, low, half), (rear, high, half), (front, high, half), (front, low, half))
