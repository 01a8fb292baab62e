"""Rendering: from a style and a number to a picture and its labels."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .buildings import draw_building, draw_skyline
from .camera import Point, place_camera
from .canvas import Canvas
from .cars import draw_car
from .classes import IGNORE
from .figures import draw_bicycle, draw_motorcycle, draw_person, draw_rider
from .furniture import draw_bollard, draw_lamp, draw_sign, draw_signal
from .greenery import draw_bush, draw_tree
from .ground import lay_backdrop
from .heavy import draw_bus, draw_tram, draw_truck
from .light import develop
from .looks import style_named
from .lots import draw_fence, draw_park, draw_wall
from .scene import plan_street
from .shade import ground_shade
from .style import Style
from .things import Thing

SMALLEST = 16
FINE = 2  # the canvas is this many times finer than the picture

Draw = Callable[[Canvas, Thing, np.random.Generator], None]

DRAW: dict[str, Draw] = {
    "building": draw_building, "park": draw_park, "wall": draw_wall, "fence": draw_fence,
    "car": draw_car, "van": draw_car, "truck": draw_truck, "bus": draw_bus, "tram": draw_tram,
    "person": draw_person, "cyclist": draw_rider, "motorcyclist": draw_rider,
    "bicycle": draw_bicycle, "motorcycle": draw_motorcycle,
    "tree": draw_tree, "bush": draw_bush,
    "lamp": draw_lamp, "sign": draw_sign, "signal": draw_signal, "bollard": draw_bollard,
}  # fmt: skip


def render(
    style: str, seed: int, index: int, width: int, height: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return street number `index` of the world `seed`: image and label map.

    The image is RGB, uint8 (height, width, 3). The label map is uint8 (height, width): the
    train ids 0..18 of Cityscapes, 255 where the bonnet of the ego vehicle hides the street.
    Equal arguments give equal bytes. ValueError for an unknown style, a side shorter than 16
    or a negative seed or index.
    """
    look = style_named(style)
    for name, value in (("width", width), ("height", height)):
        if value < SMALLEST:
            raise ValueError(f"{name} is {value}: it must be at least {SMALLEST}")
    for name, value in (("seed", seed), ("index", index)):
        if value < 0:
            raise ValueError(f"{name} is {value}: it must not be negative")
    key = np.random.SeedSequence([look.number, seed, index, width, height])
    rng = np.random.default_rng(key)
    look = replace(look, weather=look.weather.towards(look.harsh, rng.uniform()))
    canvas = _paint(look, rng, FINE * width, FINE * height)
    image = np.asarray(canvas.image.reduce(FINE))
    label = np.ascontiguousarray(np.asarray(canvas.label)[1::FINE, 1::FINE])
    return develop(image, label, look, np.random.default_rng(key.spawn(1)[0])), label


def _paint(style: Style, rng: np.random.Generator, width: int, height: int) -> Canvas:
    plan = plan_street(style, rng)
    camera = place_camera(style, plan.lane, width, height, rng)
    sun = _sun(style, rng)
    shade = ground_shade(plan, camera, style, sun)
    image, label = lay_backdrop(plan, camera, style, shade, rng)
    canvas = Canvas(image, label, camera, style, sun)
    draw_skyline(canvas, rng)
    for thing in plan.things:
        DRAW[thing.kind](canvas, thing, rng)
    if style.bonnet:
        _bonnet(canvas, style.bonnet)
    return canvas


def _sun(style: Style, rng: np.random.Generator) -> Point:
    """Return the unit vector to the sun, which stands beside and mostly behind the camera."""
    azimuth = rng.choice((-1, 1)) * rng.uniform(0.5, 1.5)
    flat, high = math.cos(style.elevation), math.sin(style.elevation)
    return flat * math.sin(azimuth), high, -flat * math.cos(azimuth)


def _bonnet(canvas: Canvas, share: float) -> None:
    """Paint the bonnet of the ego vehicle, a shallow arc at the bottom."""
    w, h = canvas.camera.width, canvas.camera.height
    turns = [math.pi * i / 24 for i in range(25)]
    for inset, tone in ((0.0, 46), (0.22, 62), (0.5, 54)):
        rise = h * share * (1 - inset)
        arc = [(w * (0.5 - 0.62 * math.cos(t)), h + 1 - rise * math.sin(t) ** 0.7) for t in turns]
        canvas.polygon(arc, (tone, tone + 3, tone + 5), 0.0, IGNORE)
