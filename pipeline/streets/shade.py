"""Shadows on the ground: cast by the sun, and the dark where things touch it."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from .camera import Camera, Pixel, Point
from .scene import FAR, Plan
from .style import Style
from .things import EXTENT, FLOOR, Thing

LOT_HEIGHT = {"wall": 2.0, "fence": 1.2, "park": 0.0}


def ground_shade(plan: Plan, camera: Camera, style: Style, sun: Point) -> NDArray[np.float32]:
    """Return the share of light (H, W) that reaches the ground, 1 where nothing shades it."""
    mask = Image.new("L", (camera.width, camera.height), 255)
    draw = ImageDraw.Draw(mask)
    for thing in plan.things:
        shadow = _shadow(thing, style, sun)
        if shadow:
            _fill(draw, camera, shadow, 1 - style.shadow)
    for thing in plan.things:
        _fill(draw, camera, _outline(_footprint(thing, 0.15)), 1 - style.contact)
    if style.shadow_blur:
        mask = mask.filter(ImageFilter.GaussianBlur(style.shadow_blur * camera.width))
    return np.asarray(np.asarray(mask, np.float32) / 255, np.float32)


def _fill(draw: ImageDraw.ImageDraw, camera: Camera, outline: list[Pixel], light: float) -> None:
    points = camera.outline([camera.seen((x, 0.0, z)) for x, z in outline])
    if len(points) > 2:
        draw.polygon(points, fill=int(255 * light))


def _footprint(thing: Thing, margin: float) -> list[Pixel]:
    """Return the corners (x, z) of the ground the thing stands on."""
    if thing.length:
        out = math.copysign(12.0, thing.x)
        x = thing.x - math.copysign(2 * margin, thing.x)
        far = min(thing.z + thing.length, FAR)
        return [(x, thing.z), (x, far), (thing.x + out, far), (thing.x + out, thing.z)]
    length, width, _ = EXTENT[thing.kind]
    sin, cos = math.sin(thing.heading), math.cos(thing.heading)
    a, b = thing.size * length / 2 + margin, thing.size * width / 2 + margin
    corners = ((a, b), (a, -b), (-a, -b), (-a, b))
    return [(thing.x + u * sin + v * cos, thing.z + u * cos - v * sin) for u, v in corners]


def _shadow(thing: Thing, style: Style, sun: Point) -> list[Pixel]:
    """Return the outline (x, z) of the shadow the thing casts, empty for none."""
    if thing.length:
        height = LOT_HEIGHT.get(thing.kind, FLOOR * sum(style.floors) / 2)
    else:
        height = thing.size * EXTENT[thing.kind][2]
    if height == 0 or thing.z > 90:
        return []
    dx, dz = -sun[0] / sun[1] * height, -sun[2] / sun[1] * height
    base = _footprint(thing, 0.0)
    if thing.kind == "tree":
        turn = [math.pi * i / 5 for i in range(10)]
        radius = 1.7 * thing.size
        crown = [(radius * math.cos(t), radius * math.sin(t)) for t in turn]
        return _outline([(thing.x + 0.7 * dx + a, thing.z + 0.7 * dz + b) for a, b in crown])
    return _outline(base + [(x + dx, z + dz) for x, z in base])


def _outline(points: list[Pixel]) -> list[Pixel]:
    """Return the convex hull, in order (Andrew's monotone chain)."""
    ordered = sorted(points)
    hull: list[Pixel] = []
    for chain in (ordered, ordered[::-1]):
        part: list[Pixel] = []
        for p in chain:
            while len(part) > 1 and _turn(part[-2], part[-1], p) <= 0:
                part.pop()
            part.append(p)
        hull += part[:-1]
    return hull


def _turn(a: Pixel, b: Pixel, c: Pixel) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
