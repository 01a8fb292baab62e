"""The classes of a task: names, colours, named subsets, and what raw label values mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.domain.colours import Colour, channels, distinct, value_of

IGNORE = 255
"""The train id of a pixel that counts nowhere, in labels and pseudo-labels alike."""


@dataclass(frozen=True)
class Taxonomy:
    """Classes in the order of their train ids; at most 255 of them, because 255 is IGNORE.

    `subsets` maps a metric's name ("miou16", "miou13", "rare") to the names it averages over.
    """

    names: tuple[str, ...]
    colours: tuple[Colour, ...]
    subsets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= len(self.names) <= IGNORE:
            raise ValueError(f"{len(self.names)} classes; from 1 to {IGNORE} are possible")
        if not all(name.strip() for name in self.names):
            raise ValueError("a class has no name")
        if twice := sorted({name for name in self.names if self.names.count(name) > 1}):
            raise ValueError(f"class names occur twice: {', '.join(twice)}")

    def __len__(self) -> int:
        return len(self.names)

    def ids(self, values: Mapping[int, str | None]) -> dict[int, int]:
        """Raw value -> train id. None and names outside this taxonomy become IGNORE."""
        position = {name: index for index, name in enumerate(self.names)}
        return {
            raw: IGNORE if name is None else position.get(name, IGNORE)
            for raw, name in values.items()
        }

    def without(self, *names: str) -> Taxonomy:
        """The same classes less `names`, in the subsets too."""
        kept = [i for i, name in enumerate(self.names) if name not in names]
        return Taxonomy(
            tuple(self.names[i] for i in kept),
            tuple(self.colours[i] for i in kept),
            {
                key: tuple(name for name in subset if name not in names)
                for key, subset in self.subsets.items()
            },
        )


_CITYSCAPES: tuple[tuple[str, int, Colour], ...] = (  # name, labelId, colour
    ("road", 7, (128, 64, 128)),
    ("sidewalk", 8, (244, 35, 232)),
    ("building", 11, (70, 70, 70)),
    ("wall", 12, (102, 102, 156)),
    ("fence", 13, (190, 153, 153)),
    ("pole", 17, (153, 153, 153)),
    ("traffic light", 19, (250, 170, 30)),
    ("traffic sign", 20, (220, 220, 0)),
    ("vegetation", 21, (107, 142, 35)),
    ("terrain", 22, (152, 251, 152)),
    ("sky", 23, (70, 130, 180)),
    ("person", 24, (220, 20, 60)),
    ("rider", 25, (255, 0, 0)),
    ("car", 26, (0, 0, 142)),
    ("truck", 27, (0, 0, 70)),
    ("bus", 28, (0, 60, 100)),
    ("train", 31, (0, 80, 100)),
    ("motorcycle", 32, (0, 0, 230)),
    ("bicycle", 33, (119, 11, 32)),
)
_NAMES = tuple(name for name, _, _ in _CITYSCAPES)
_NOT_IN_SYNTHIA = ("terrain", "truck", "train")
_IN_16 = tuple(name for name in _NAMES if name not in _NOT_IN_SYNTHIA)
_FREQUENT = ("road", "sidewalk", "building", "vegetation", "sky", "person", "car")

LABEL_IDS: dict[int, str | None] = {
    **dict.fromkeys((*range(35), IGNORE)),
    **{label_id: name for name, label_id, _ in _CITYSCAPES},
}
"""Cityscapes labelIds, which GTA5 uses too; 0 to 34 and 255 (-1 in eight bits) are all known."""

TRAIN_IDS: dict[int, str | None] = {**dict(enumerate(_NAMES)), IGNORE: None}
"""Cityscapes labelTrainIds, in which other data sets ship their labels."""

CITYSCAPES = Taxonomy(
    _NAMES,
    tuple(colour for _, _, colour in _CITYSCAPES),
    {
        "miou16": _IN_16,
        "miou13": tuple(name for name in _IN_16 if name not in ("wall", "fence", "pole")),
        # TPLD's R-mIoU: these twelve reproduce its reported average
        "rare": tuple(name for name in _NAMES if name not in _FREQUENT),
    },
)

_CAMVID: tuple[tuple[str, Colour], ...] = (
    ("sky", (128, 128, 128)),
    ("building", (128, 0, 0)),
    ("pole", (192, 192, 128)),
    ("road", (128, 64, 128)),
    ("pavement", (60, 40, 222)),
    ("tree", (128, 128, 0)),
    ("sign", (192, 128, 128)),
    ("fence", (64, 64, 128)),
    ("car", (64, 0, 128)),
    ("pedestrian", (64, 64, 0)),
    ("bicyclist", (0, 128, 192)),
)
CAMVID = Taxonomy(
    tuple(name for name, _ in _CAMVID),
    tuple(colour for _, colour in _CAMVID),
    {"rare": ("pole", "sign", "fence", "pedestrian", "bicyclist")},
)

_IDD_LITE: tuple[tuple[str, Colour], ...] = (
    ("drivable", (128, 64, 128)),
    ("non-drivable", (244, 35, 232)),
    ("living things", (220, 20, 60)),
    ("vehicles", (0, 0, 230)),
    ("roadside objects", (220, 190, 40)),
    ("far objects", (70, 70, 70)),
    ("sky", (70, 130, 180)),
)
IDD_LITE = Taxonomy(tuple(name for name, _ in _IDD_LITE), tuple(colour for _, colour in _IDD_LITE))

VESSELS = Taxonomy(("background", "vessel"), ((60, 60, 60), (220, 40, 40)), {"rare": ("vessel",)})

_VOC = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat"),
    *("chair", "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant"),
    *("sheep", "sofa", "train", "tvmonitor"),
)


def _voc_colour(index: int) -> Colour:
    """Its bits, from the lowest on, in turn red's, green's and blue's, from the highest on."""
    red, green, blue = (
        sum((index >> 3 * place + channel & 1) << 7 - place for place in range(3))
        for channel in range(3)
    )
    return red, green, blue


VOC = Taxonomy(_VOC, ((60, 60, 60), *map(_voc_colour, range(1, len(_VOC)))))
"""Of PASCAL VOC; its background is shown in grey, as black is what is not labelled."""

NAMED: dict[str, Taxonomy] = {
    "cityscapes": CITYSCAPES,
    "cityscapes16": CITYSCAPES.without(*_NOT_IN_SYNTHIA),
    "camvid": CAMVID,
    "idd_lite": IDD_LITE,
    "vessels": VESSELS,
    "voc": VOC,
}


def resolve(classes: str | Sequence[str] | Mapping[str, str]) -> Taxonomy:
    """A taxonomy by its name, or of your own class names: with distinct colours, or yours.

    Raises ValueError for a name that is not in NAMED, and for colours that cannot be told apart.
    """
    if isinstance(classes, Mapping):
        return Taxonomy(tuple(classes), _own(classes))
    if not isinstance(classes, str):
        return Taxonomy(tuple(classes), distinct(len(classes)))
    if classes not in NAMED:
        raise ValueError(f"no classes named '{classes}'; choose {', '.join(NAMED)}, or list names")
    return NAMED[classes]


def _own(classes: Mapping[str, str]) -> tuple[Colour, ...]:
    seen: dict[int, str] = {0: "what is not labelled"}
    for name, colour in classes.items():
        if (other := seen.setdefault(value_of(colour), name)) != name:
            raise ValueError(f"{name} has the colour of {other}, {colour}; give it another one")
    return tuple(channels(value_of(colour)) for colour in classes.values())


def taxonomy_of(content: Any) -> Taxonomy:
    """A taxonomy from what `dataclasses.asdict` made of it."""
    return Taxonomy(
        tuple(content["names"]),
        tuple((r, g, b) for r, g, b in content["colours"]),
        {key: tuple(names) for key, names in content["subsets"].items()},
    )
