"""How many samples of a batch are of which side; without torch, for `segue check`."""

from __future__ import annotations

from pipeline.runtime.files import BadInput

_NONE = 1e-9  # a share: what is left of 1 by rounding


def counted(batch: int, source_share: float, hard_share: float = 0.0) -> dict[str, int]:
    """Of source, target and hard images; shares are rounded, and the target has the rest.

    Raises BadInput where that leaves a side that has a share without any sample.
    """
    source, hard = round(batch * source_share), round(batch * hard_share)
    counts = {"source": source, "hard": hard, "target": batch - source - hard}
    given = {"source": source_share, "hard": hard_share, "target": 1 - source_share - hard_share}
    if empty := [side for side, own in given.items() if own > _NONE and counts[side] < 1]:
        raise BadInput(
            f"batch = {batch}: too small to hold a {' and a '.join(empty)} image with "
            f"source_share {source_share} and hard_share {hard_share}; raise it, or change these"
        )
    return counts
