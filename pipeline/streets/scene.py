"""What stands where: the plan of one street."""

from dataclasses import dataclass

import numpy as np

from .kerbside import passers_by, street_furniture
from .road import Road, lane_lines, plan_road
from .style import Style
from .things import Thing, lot
from .traffic import at_the_crossing, moving_traffic

FAR = 150.0  # the street ends here
MARGIN = ("kerb", "grass", "path", "grass", "lot")  # the strips beside the road, outwards


@dataclass(frozen=True)
class Plan:
    """A street: strips along it, lots beside it, things on it (ordered from far to near).

    `strips` are the names of the surfaces between successive `edges` (x in metres, from left to
    right), the outermost two being the lots. `lines` are the lane markings (x, dashed).
    """

    edges: tuple[float, ...]
    strips: tuple[str, ...]
    lines: tuple[tuple[float, bool], ...]
    crossing: tuple[float, float] | None
    things: tuple[Thing, ...]
    lane: float  # centre of the lane of the camera
    rails: float | None  # centre of the tram track


def plan_street(style: Style, rng: np.random.Generator) -> Plan:
    """Return a random street in that style."""
    road = plan_road(style, rng)
    left, right = _margin(style, rng, road), _margin(style, rng, road)
    things: list[Thing] = []
    for side, bounds in ((-1, left), (1, right)):
        walk, front = bounds[-2:]
        things += _lots(style, rng, road, side, front)
        things += street_furniture(style, rng, road, side, front)
        things += passers_by(style, rng, road, side, walk)
    tram = rng.random() < style.trams
    things += moving_traffic(style, rng, road, tram)
    things += at_the_crossing(style, rng, road)
    return Plan(
        edges=(*(-x for x in reversed(left)), *right),
        strips=(*reversed(MARGIN), "road", *MARGIN),
        lines=lane_lines(road),
        crossing=road.crossing,
        things=tuple(sorted(things, key=lambda t: -t.depth)),
        lane=road.centre(road.lanes - 1 if rng.random() < 0.6 else 0),
        rails=-road.centre(0) if tram else None,
    )


def _margin(style: Style, rng: np.random.Generator, road: Road) -> tuple[float, ...]:
    """Return where each strip of the MARGIN begins, as distances from the road's middle."""
    verge = 1.3 * (rng.random() < style.verge)
    lawn = 2.0 * (rng.random() < style.verge / 2)
    kerb = road.kerb + 0.18
    walk = kerb + verge + rng.uniform(*style.sidewalk)
    return road.kerb, kerb, kerb + verge, walk, walk + lawn


def _lots(
    style: Style, rng: np.random.Generator, road: Road, side: int, front: float
) -> list[Thing]:
    """Fill one side with lots, leaving the side street open."""
    lots = []
    weights = np.array(style.lots) / sum(style.lots)
    z = rng.uniform(-8.0, -2.0)
    while z < FAR:
        end = z + rng.uniform(9, 24)
        if road.crossing and z < road.crossing[1] and end > road.crossing[0]:
            end = road.crossing[0]
        if end - z > 3:
            kind = str(rng.choice(("building", "park", "wall", "fence"), p=weights))
            lots.append(lot(kind, side * front, z, end - z))
        z = end
        if road.crossing and z == road.crossing[0]:
            z = road.crossing[1]
    return lots
