"""Classes, and what raw values of labels mean, proposed from what labels hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.commands._survey import Survey
from pipeline.domain import colours
from pipeline.domain.palettes import PALETTES, number
from pipeline.domain.taxonomy import CAMVID, IGNORE, LABEL_IDS, NAMED, TRAIN_IDS, VOC
from pipeline.runtime.files import BadInput

_BOTH = 2
_MOST_SETS = 0.75
"""Of the classes of a known set, that have pixels where labels are taken for it."""
_SHOWN_BLACK = "#3c3c3c"

_SETS: dict[str, tuple[str, Mapping[int, str | None]]] = {
    "Cityscapes' labelIds": ("cityscapes", LABEL_IDS),
    "Cityscapes' train ids": ("cityscapes", TRAIN_IDS),
    "CamVid's eleven classes": ("camvid", {**dict(enumerate(CAMVID.names)), len(CAMVID): None}),
    "PASCAL VOC's classes": ("voc", {**dict(enumerate(VOC.names)), IGNORE: None}),
}
"""Known sets of values: whose classes, and value -> name."""


@dataclass(frozen=True)
class Proposal:
    """`classes` as params.yaml has them, and the options of the source's labels and of val's."""

    classes: str | list[str] | dict[str, str]
    source: dict[str, Any]
    val: dict[str, Any]
    checks: list[str] = field(default_factory=list)
    """What a person is to look at, a sentence each."""


def propose(source: Survey, val: Survey | None) -> Proposal:
    """From both together. Raises BadInput where one has colours and the other values."""
    both = [source] if val is None else [source, val]
    if len({one.pictures for one in both}) > 1:
        raise BadInput(
            "the labels of one of source and val are pictures, and those of the other values; give "
            "both alike, or leave val out and write it in params.yaml afterwards"
        )
    pixels: Counter[int] = sum((one.pixels for one in both), Counter())
    made = _pictures(pixels) if source.pictures else _values(both, pixels)
    return made if val is None else _alone(made, source, val)


def _alone(made: Proposal, source: Survey, val: Survey) -> Proposal:
    """With a word on what only one of the two has."""
    shown = colours.text_of if source.pictures else str
    for name, one, other in (("val", val, source), ("the source", source, val)):
        left = sorted({*one.pixels} - {*other.pixels} - {IGNORE})
        if left and made.source == made.val:
            made.checks.append(f"only {name} has {', '.join(map(shown, left[:8]))}")
    return made


# --- pictures ------------------------------------------------------------------------------


def _pictures(pixels: Counter[int]) -> Proposal:
    for name, palette in PALETTES.items():
        known = {number(colour): meaning for colour, meaning in palette.items()}
        named = {known[value] for value in pixels if known.get(value)}
        if {*pixels} <= known.keys() and len(named) > _BOTH:
            options: dict[str, Any] = {"label_map": name}
            told = [f"the colours are those of the palette {name}, so classes have its names"]
            return Proposal(name, options, options, told)
    if len(pixels) > colours.MANY:
        raise BadInput(f"labels hold {len(pixels)} colours, too many to be classes")
    names = {v: f"class-{n}" for n, (v, _) in enumerate(pixels.most_common())}
    texts = {value: colours.text_of(value) for value in names}
    options = {"label_map": {texts[v]: name for v, name in names.items()}}
    shown = {name: texts[value] if value else _SHOWN_BLACK for value, name in names.items()}
    told = ["name the classes: class-0 and so on, the same in classes and in label_map"]
    if 0 in names:
        told.append(f'if black, {names[0]}, is no class: take it out, with ignore: ["#000000"]')
    return Proposal(shown, options, options, told)


# --- values --------------------------------------------------------------------------------


def _values(both: Sequence[Survey], pixels: Counter[int]) -> Proposal:
    if all(len(one.pixels) == _BOTH for one in both):
        names = ["background", "class-1"]
        options = [_two(one.values, names) for one in both]
        told = ["name the two classes"]
        if IGNORE in pixels:
            told.append("255 counts as a class here, because there is only one other value")
        return Proposal(names, options[0], options[-1], told)
    return _by_palette(both, pixels) or _by_set(pixels) or _numbered(pixels)


def _two(values: Sequence[int], names: Sequence[str]) -> dict[str, Any]:
    if [*values] == [0, 1]:
        return {}
    options: dict[str, Any] = {"label_map": dict(zip(values, names, strict=True))}
    return {**options, "ignore": []} if IGNORE in values else options


def _by_palette(both: Sequence[Survey], pixels: Counter[int]) -> Proposal | None:
    """By the colours that label files give to their values."""
    given = {value: colour for one in both for value, colour in one.palette.items()}
    rest = {*pixels} - {IGNORE}
    for name, palette in PALETTES.items():
        if all(given.get(value) in palette for value in rest):
            named = {value: palette[given[value]] for value in sorted(rest)}
            if len({*named.values()} - {None}) > _BOTH:
                told = f"values are named by the palette of the label files, {name}'s"
                return _mapped(name, named, [told])
    return None


def _by_set(pixels: Counter[int]) -> Proposal | None:
    """Where most of a known set's values occur, and no other."""
    for told, (name, meanings) in _SETS.items():
        ids = {value for value, meaning in meanings.items() if meaning}
        enough = len(ids & {*pixels}) >= _MOST_SETS * len(ids)
        if enough and {*pixels} <= meanings.keys():
            return _mapped(name, meanings, [f"the values are those of {told}"])
    return None


def _mapped(name: str, meanings: Mapping[int, str | None], told: list[str]) -> Proposal:
    known = NAMED[name].names
    options = {
        "label_map": {value: meaning for value, meaning in meanings.items() if meaning in known},
        "ignore": sorted({v for v, m in meanings.items() if m not in known} | {IGNORE}),
    }
    return Proposal(name, options, options, told)


def _numbered(pixels: Counter[int]) -> Proposal:
    """Classes by number; 255 is ignored where the others count up from 0 without it."""
    others = sorted({*pixels} - {IGNORE})
    if len(others) >= IGNORE:
        raise BadInput(f"labels hold {len(pixels)} values, too many to be classes")
    ignored = IGNORE in pixels and max(others, default=0) < 2 * len(others)
    values = others if ignored or IGNORE not in pixels else [*others, IGNORE]
    names = [f"class-{value}" for value in values]
    told = ["name the classes: class-0 and so on are the labels' values"]
    if ignored:
        told.append("255 is ignored; if it is a class, name it in label_map, and write ignore: []")
    if values == [*range(len(values))]:
        return Proposal(names, {}, {}, told)
    options: dict[str, Any] = {"label_map": dict(zip(values, names, strict=True))}
    options |= {"ignore": []} if IGNORE in values else {}
    return Proposal(names, options, options, told)
