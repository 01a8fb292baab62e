"""Mapillary Vistas: 18,000 street photographs of the world to train and 2,000 to validate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pipeline.domain.pairing import Files, Joined, Matched, OneOrMore, listed
from pipeline.domain.pixels import INDEX
from pipeline.runtime.files import readable

_CLASSES = {
    "construction--flat--road": "road",
    "construction--flat--road-shoulder": "road",
    "construction--flat--service-lane": "road",
    "construction--flat--bike-lane": "road",
    "construction--flat--crosswalk-plain": "road",
    "marking": "road",
    "marking-only": "road",
    "construction--flat--sidewalk": "sidewalk",
    "construction--flat--pedestrian-area": "sidewalk",
    "construction--flat--curb-cut": "sidewalk",
    "construction--flat--traffic-island": "sidewalk",
    "construction--barrier--curb": "sidewalk",
    "construction--structure--building": "building",
    "construction--structure--garage": "building",
    "construction--barrier--wall": "wall",
    "construction--barrier--fence": "fence",
    "object--support--pole": "pole",
    "object--support--utility-pole": "pole",
    "object--traffic-light": "traffic light",
    "object--traffic-sign--front": "traffic sign",
    "object--traffic-sign--direction-front": "traffic sign",
    "object--traffic-sign--information-parking": "traffic sign",
    "object--traffic-sign--temporary-front": "traffic sign",
    "nature--vegetation": "vegetation",
    "nature--terrain": "terrain",
    "nature--sky": "sky",
    "human--person": "person",
    "human--rider": "rider",
    "object--vehicle--car": "car",
    "object--vehicle--truck": "truck",
    "object--vehicle--bus": "bus",
    "object--vehicle--on-rails": "train",
    "object--vehicle--motorcycle": "motorcycle",
    "object--vehicle--bicycle": "bicycle",
}
"""Mapillary's name, or the beginning of several -> the class of Cityscapes; the rest is ignored."""


class Dataset(Joined):
    """`training/images/x.jpg` with `training/v1.2/labels/x.png`, as its authors ship it.

    A label's value is a position in the list `labels` of `config_v1.2.json`, which lies in the root
    and has the names. Release 2.0 has `v2.0` and `config_v2.0.json`; in the oldest, `v1.1`, the
    labels are in `training/labels` and the file is `config.json`.
    """

    encoding = INDEX

    def __init__(
        self,
        root: Path,
        split: OneOrMore[Literal["training", "validation", "testing"]],
        release: Literal["v1.1", "v1.2", "v2.0"] = "v1.2",
    ) -> None:
        old = release == "v1.1"
        self._config = root / ("config.json" if old else f"config_{release}.json")
        labels = "labels" if old else f"{release}/labels"
        super().__init__(
            *(
                Matched(root, Files(f"{one}/images", "", (".jpg",)), Files(f"{one}/{labels}"))
                for one in listed(split)
            )
        )

    @property
    def values(self) -> dict[int, str | None]:
        """Read from the configuration. Raises BadInput where it cannot be."""
        fix = "copy it there from the data set's archive, or choose another release"
        with readable(self._config, "Mapillary's list of classes", fix):
            labels = json.loads(self._config.read_text(encoding="utf-8"))["labels"]
            return {value: _class_of(label["name"]) for value, label in enumerate(labels)}


def _class_of(name: str) -> str | None:
    """The class of the longest beginning that has one, at the end of a word of the name's."""
    words = name.split("--")
    beginnings = ("--".join(words[:count]) for count in range(len(words), 0, -1))
    return next((_CLASSES[part] for part in beginnings if part in _CLASSES), None)
