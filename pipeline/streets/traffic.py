"""What moves on the road."""

import numpy as np

from .road import Road
from .style import Style
from .things import Thing, thing


def moving_traffic(style: Style, rng: np.random.Generator, road: Road, tram: bool) -> list[Thing]:
    """Return the moving vehicles and riders, lane by lane."""
    found = []
    heavy = style.heavy
    kinds, odds = ("car", "van", "truck", "bus"), (0.92 - 2 * heavy, 0.08, heavy, heavy)
    for way in (-1, 1):
        for lane in range(road.lanes):
            z = rng.uniform(9, 30) if way > 0 else rng.uniform(5, 30)
            if tram and way < 0 and lane == 0:
                found.append(thing("tram", -road.centre(0), z + 18, np.pi))
                z += 45
            while z < 100:
                if rng.random() < style.traffic * 0.6:
                    kind = str(rng.choice(kinds, p=odds))
                    long = kind in ("truck", "bus")
                    x = way * road.centre(lane) + rng.uniform(-0.2, 0.2)
                    found.append(thing(kind, x, z + 4.0 * long, 0.0 if way > 0 else np.pi))
                    z += 8.0 * long
                z += rng.uniform(9, 26)
    for _ in range(rng.poisson(style.riders)):
        kind = "cyclist" if rng.random() < 0.55 else "motorcyclist"
        way = 1 if rng.random() < 0.6 else -1
        x = way * (road.lanes * road.lane_width - rng.uniform(0.3, 0.9))
        turn = rng.choice((0.15, 0.5)) + (0.0 if way > 0 else np.pi)
        found.append(thing(kind, x, rng.uniform(6, 22), float(turn)))
    return found


def at_the_crossing(style: Style, rng: np.random.Generator, road: Road) -> list[Thing]:
    """Return who crosses the road, and the vehicles of the side street."""
    if road.crossing is None:
        return []
    start, end = road.crossing
    found = []
    for _ in range(rng.poisson(style.people / 4)):
        found.append(thing("person", rng.uniform(-road.kerb, road.kerb), start - 1.8))
    if rng.random() < style.riders / 3:
        kind = "cyclist" if rng.random() < 0.5 else "motorcyclist"
        found.append(thing(kind, rng.uniform(-road.kerb, road.kerb), start + 1.5, np.pi / 2))
    if rng.random() < 0.4:
        kinds, odds = ("car", "van", "truck", "bus", "tram"), (0.5, 0.1, 0.14, 0.13, 0.13)
        kind = str(rng.choice(kinds, p=odds))
        x = rng.choice((-1, 1)) * rng.uniform(road.kerb + 1, road.kerb + 6)
        found.append(thing(kind, float(x), (start + end) / 2, np.pi / 2))
    return found
