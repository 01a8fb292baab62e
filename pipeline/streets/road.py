"""The carriageway of a street."""

from dataclasses import dataclass

import numpy as np

from .style import Style


@dataclass(frozen=True)
class Road:
    """The carriageway: centres of the lanes each way and what lies at the sides."""

    lane_width: float
    lanes: int
    kerb: float  # x of the right kerb; the left one is at -x
    parking: bool
    crossing: tuple[float, float] | None

    def centre(self, lane: int) -> float:
        """Return the x of the middle of a lane on the right, 0 being the inner one."""
        return (lane + 0.5) * self.lane_width

    def open(self, z: float, room: float = 2.0) -> bool:
        """Tell whether a thing may stand at the kerb there."""
        return self.crossing is None or not (self.crossing[0] - room < z < self.crossing[1] + room)


def plan_road(style: Style, rng: np.random.Generator) -> Road:
    """Return a random carriageway in that style."""
    lanes = int(rng.choice(style.lanes))
    width = rng.uniform(*style.lane_width)
    parking = rng.random() < 1.7 * style.parked
    crossing = None
    if rng.random() < style.crossing:
        start = rng.uniform(14, 48)
        crossing = (start, start + rng.uniform(7, 12))
    return Road(width, lanes, lanes * width + 2.3 * parking, parking, crossing)


def lane_lines(road: Road) -> tuple[tuple[float, bool], ...]:
    """Return the lane markings as (x, dashed)."""
    lines = [(0.0, road.lanes == 1)]
    for lane in range(1, road.lanes):
        lines += [(lane * road.lane_width, True), (-lane * road.lane_width, True)]
    side = road.lanes * road.lane_width - (0.0 if road.parking else 0.25)
    return (*lines, (side, False), (-side, False))
