"""What the names of images and of their labels end in beyond what they share."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath

from pipeline.runtime.files import below

IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
LABELS = (".png", ".bmp", ".tif", ".tiff")
_TRIED = 60
"""Images whose labels are looked for by name, to see how names differ."""
_NEAR, _KINDS = 4, 6


def listed(folder: Path, kinds: Sequence[str]) -> list[str]:
    """The files' paths within the folder, without what a system hides."""
    inside = (path for path in below(folder) if path.suffix.lower() in kinds)
    names = (path.relative_to(folder) for path in inside)
    return [n.as_posix() for n in names if not any(part.startswith(".") for part in n.parts)]


def endings(images: Path, labels: Path) -> list[tuple[str, str]]:
    """What an image's and its label's names end in beyond what they share, the usual ones first."""
    ones, others = listed(images, IMAGES), listed(labels, LABELS)
    same = images.resolve() == labels.resolve()
    keys = sorted(others)
    count: Counter[tuple[str, str]] = Counter()
    for one in ones[:: max(1, len(ones) // _TRIED)]:
        at = bisect_left(keys, one)
        near = keys[max(0, at - _NEAR) : at + _NEAR + 1]
        starts = {other: shared(one, other) for other in near if not (same and other == one)}
        most = max(map(len, starts.values()), default=0)
        for other, start in starts.items():
            if start and len(start) == most:
                count[_rest(one, start, False), _rest(other, start, True)] += 1
    found = [ends for ends, _ in count.most_common(_KINDS)]
    return list(dict.fromkeys([("", ""), *found]))


def shared(one: str, other: str) -> str:
    """What two names begin with, up to the end of a word."""
    stems = [name.removesuffix(PurePath(name).suffix) for name in (one, other)]
    alike = zip(*stems, strict=False)
    start = stems[0][: next((n for n, (a, b) in enumerate(alike) if a != b), min(map(len, stems)))]
    if start in stems:
        return start
    if (rest := [stem[len(start) :] for stem in stems]) and all(r[:1].isalnum() for r in rest):
        start = re.sub(r"[^\W_]+$", "", start)
    return start.rstrip("-_. ")


def _rest(name: str, start: str, label: bool) -> str:
    kind = PurePath(name).suffix
    rest = name.removesuffix(kind)[len(start) :]
    return rest + kind if label and PurePath(f"x{rest}").suffix.lower() in IMAGES else rest
