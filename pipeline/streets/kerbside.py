"""What stands and walks on the sidewalks, and parks beside them."""

import numpy as np

from .road import Road
from .style import Span, Style
from .things import Thing, thing


def street_furniture(
    style: Style, rng: np.random.Generator, road: Road, side: int, front: float
) -> list[Thing]:
    """Return lamps, signs, signals, trees, bollards and parked vehicles of one side."""
    edge = road.kerb + 0.55
    found = [thing("lamp", side * edge, z) for z in _row(rng, 5, 110, style.lamps) if road.open(z)]
    if rng.random() < style.tree_row:
        found += [
            thing("tree", side * (edge + 0.3), z, size=rng.uniform(0.7, 1.15))
            for z in _row(rng, 7, 110, (7.0, 13.0))
            if road.open(z)
        ]
    if rng.random() < style.bollards:
        found += [thing("bollard", side * (edge - 0.1), z) for z in _row(rng, 5, 40, (1.8, 2.2))]
    for _ in range(rng.poisson(style.signs / 2)):
        found.append(thing("sign", side * edge, rng.uniform(7, 32), size=rng.uniform(0.9, 1.25)))
    if rng.random() < style.signals:
        z = road.crossing[0] - 1.0 if road.crossing else rng.uniform(10, 32)
        found.append(thing("signal", side * edge, z))
    for _ in range(rng.poisson(style.stands / 2)):
        found += _stand(rng, side * rng.uniform(edge + 0.4, max(front - 0.6, edge + 0.5)))
    if road.parking:
        found += parked_vehicles(style, rng, road, side)
    return found


def _row(rng: np.random.Generator, start: float, end: float, gap: Span) -> list[float]:
    step = rng.uniform(*gap)
    return [float(z) for z in np.arange(start + rng.uniform(0, step), end, step)]


def _stand(rng: np.random.Generator, x: float) -> list[Thing]:
    """Return a group of parked bicycles or motorcycles."""
    kind = "bicycle" if rng.random() < 0.55 else "motorcycle"
    z = rng.uniform(6, 20)
    turn = rng.uniform(0.7, 1.57)
    return [thing(kind, x, z + 0.9 * i, turn) for i in range(int(rng.integers(1, 4)))]


def parked_vehicles(style: Style, rng: np.random.Generator, road: Road, side: int) -> list[Thing]:
    """Return the vehicles of the parking lane of one side."""
    found = []
    for z in np.arange(rng.uniform(5.5, 11), 90, 6.0):
        if rng.random() > style.parked or not road.open(float(z), 4.0):
            continue
        kind = str(rng.choice(("car", "van", "motorcycle"), p=(0.86, 0.1, 0.04)))
        heading = 0.0 if side > 0 else np.pi
        x = side * (road.kerb - 1.1 + rng.uniform(-0.1, 0.15))
        found.append(thing(kind, x, float(z) + rng.uniform(-0.4, 0.4), heading))
    return found


def passers_by(
    style: Style, rng: np.random.Generator, road: Road, side: int, walk: float
) -> list[Thing]:
    """Return people between the kerb and x = `walk`, alone and in pairs."""
    found = []
    for _ in range(rng.poisson(style.people / 2)):
        x, z = rng.uniform(road.kerb + 0.5, walk), rng.uniform(6, 45)
        for i in range(1 + int(rng.random() < 0.25)):
            size = rng.uniform(0.92, 1.06)
            found.append(thing("person", side * (x + 0.55 * i), z + 0.1 * i, size=size))
    return found
