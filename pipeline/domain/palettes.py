"""What a label's raw values may be written as: numbers, quoted colours, or a palette by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator

from pipeline.domain import colours
from pipeline.domain.taxonomy import CITYSCAPES, VOC, Taxonomy

_LARGEST = 65535


def _valid(given: int | str) -> int | str:
    if isinstance(given, str) and not given.isdigit():
        return colours.text_of(colours.value_of(given))
    if not 0 <= int(given) <= _LARGEST:
        raise ValueError(f"{given} is no value of a label: these go from 0 to {_LARGEST}")
    return int(given)


Raw = Annotated[int | str, AfterValidator(_valid)]
"""A raw value: a number, or a colour as "#rrggbb", which without quotes is a comment in YAML."""


def is_colour(raw: int | str) -> bool:
    """Whether it is one of a label that is a picture."""
    return isinstance(raw, str)


def number(raw: int | str) -> int:
    """As it stands in a decoded label: itself, or 0xRRGGBB."""
    return colours.value_of(raw) if isinstance(raw, str) else raw


def _of(taxonomy: Taxonomy) -> dict[str, str | None]:
    both = zip(taxonomy.colours, taxonomy.names, strict=True)
    return {colours.text_of(colours.value(colour)): name for colour, name in both}


_CITYSCAPES_IGNORED = (
    *("#000000", "#6f4a00", "#510051", "#faaaa0", "#e6968c", "#b4a5b4", "#966464", "#96785a"),
    *("#00005a", "#00006e"),
)
"""Void, dynamic, ground, parking, rail track, guard rail, bridge, tunnel, caravan, trailer."""

_CAMVID_GROUPS: dict[str, tuple[str, ...]] = {
    "sky": ("#808080",),
    "building": ("#008040", "#800000", "#40c000", "#400040", "#c00080"),  # bridge to archway
    "pole": ("#c0c080", "#000040"),  # column, traffic cone
    "road": ("#804080", "#8000c0", "#c00040"),  # with its markings
    "pavement": ("#3c28de", "#0000c0", "#40c080", "#8080c0"),  # sidewalk, parking, shoulder
    "tree": ("#808000", "#c0c000"),  # and other vegetation
    "sign": ("#c08080", "#808040", "#004040"),  # and text, traffic light
    "fence": ("#404080",),
    "car": ("#400080", "#4080c0", "#c080c0", "#c04080", "#804040"),  # and other vehicles
    "pedestrian": ("#404000", "#c08040", "#4000c0", "#408040"),  # child, pram, animal
    "bicyclist": ("#0080c0", "#c000c0"),  # and motorcycle
}
"""All 32 colours of CamVid in the eleven classes that SegNet's authors made of them."""

PALETTES: dict[str, Mapping[str, str | None]] = {
    "cityscapes": {**dict.fromkeys(_CITYSCAPES_IGNORED), **_of(CITYSCAPES)},
    "camvid": {
        "#000000": None,
        **{colour: name for name, group in _CAMVID_GROUPS.items() for colour in group},
    },
    # its background is black in files, whatever it is shown in
    "voc": {"#000000": VOC.names[0], **dict([*_of(VOC).items()][1:]), "#e0e0c0": None},
}
"""Colour -> class of the set of that name, or None for what is ignored."""
