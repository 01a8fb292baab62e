"""Things that stand in a street, and the room they take."""

import math
from dataclasses import dataclass

FLOOR = 3.2  # height of a storey

# length, width and height in metres, for size 1
EXTENT = {
    "car": (4.3, 1.8, 1.45),
    "van": (5.0, 2.0, 2.1),
    "truck": (8.2, 2.5, 3.5),
    "bus": (11.5, 2.55, 3.1),
    "tram": (24.0, 2.6, 3.5),
    "person": (0.35, 0.5, 1.75),
    "cyclist": (1.7, 0.5, 1.7),
    "motorcyclist": (2.0, 0.7, 1.7),
    "bicycle": (1.7, 0.4, 1.0),
    "motorcycle": (2.0, 0.6, 1.1),
    "tree": (0.4, 0.4, 6.0),
    "bush": (1.6, 1.6, 1.2),
    "lamp": (0.2, 0.2, 7.0),
    "sign": (0.15, 0.15, 2.8),
    "signal": (0.2, 0.2, 3.6),
    "bollard": (0.2, 0.2, 1.0),
}


@dataclass(frozen=True)
class Thing:
    """A thing at (x, z); `depth` orders the painting, `seed` fixes its looks.

    A lot (building, park, wall, fence) has its front on the line x, from z to z + length.
    Heading 0 is away from the camera, pi/2 to the right.
    """

    kind: str
    x: float
    z: float
    depth: float
    heading: float = 0.0
    size: float = 1.0
    length: float = 0.0


def thing(kind: str, x: float, z: float, heading: float = 0.0, size: float = 1.0) -> Thing:
    """Return a thing painted after all that begins behind its near end."""
    length, width, _ = EXTENT[kind]
    reach = 0.5 * size * (abs(math.cos(heading)) * length + abs(math.sin(heading)) * width)
    return Thing(kind, x, z, z - reach, heading, size)


def lot(kind: str, x: float, z: float, length: float) -> Thing:
    """Return a lot; what stands before its front is painted later."""
    return Thing(kind, x, z, z + length, length=length)
