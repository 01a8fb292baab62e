"""The page's tab of translations: pictures and maps of each image, and what it knows of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.domain import artifacts, pictures
from pipeline.domain.colours import Colour
from pipeline.domain.pixels import Pixels, resize, resize_label
from pipeline.domain.samples import Domain, Joined
from pipeline.look import maps
from pipeline.runtime.contents import Content
from pipeline.runtime.files import read_json

FOLDER = "translation"
"""Of a translation's, below `reports/sources/<name>`."""

COLUMNS = ("source", "translated", "a target image", "before", "after", "changed")
"""Of the mosaic; the predictions are of the model of the source."""

_ROWS = 40
_UNCHANGED = 60


@dataclass(frozen=True)
class Writer:
    """What the page and the mosaic show of each image, below `sources/<name>/FOLDER` of the report.

    `references`: of each source image a target image, by its place in `targets`; what that is to
    the translation, `whose` says.
    """

    folder: Path
    source: Domain | Joined
    translated: Domain | Joined
    targets: Domain
    references: Sequence[int]
    colours: Sequence[Colour]
    size: tuple[int, int]
    quality: int

    def write(self, index: int, found: Mapping[str, tuple[Pixels, Pixels]]) -> None:
        """Pictures and maps of an image, `found` by each model: uint8 (h, w) before and after."""
        for name, domain in (("source", self.source), ("translated", self.translated)):
            path = maps.file(self.folder / name, index, "jpg")
            maps.write_picture(path, resize(domain.image(index), self.size), self.quality)
        planes = {
            f"{role}_{when}": resize_label(plane, self.size)
            for role, both in found.items()
            for when, plane in zip(("before", "after"), both, strict=True)
        }
        key = "/".join(self.folder.parts[-3:])
        maps.write(maps.file(self.folder / "maps", index), key, index, planes)

    def panels(self, index: int, before: Pixels, after: Pixels) -> list[Pixels]:
        """A row of the mosaic, uint8 (h, w, 3), as COLUMNS."""
        both = [pictures.colourise(plane, self.colours) for plane in (before, after)]
        target = self.targets.image(self.references[index])
        images = (self.source.image(index), self.translated.image(index), target)
        where = (before != after)[..., None]
        return [*images, *both, np.where(where, both[1], np.uint8(_UNCHANGED))]


def content(params: Content, sources: Path) -> list[dict[str, Any]]:
    """Of each translation what the page knows before it opens an image."""
    items = (params.get("translations") or {}).items()
    return [_translation(name, item, sources / name) for name, item in items]


def _translation(name: str, item: Content, folder: Path) -> dict[str, Any]:
    told = read_json(folder / "translation.json")
    images = artifacts.read_table(folder / FOLDER / "images.parquet")
    closeness = artifacts.read_table(folder / "translation.csv")
    changes = artifacts.read_table(folder / "changes.csv").head(_ROWS)
    fit, judging = item["fit_translator"], item["evaluate_translation"]
    return {
        "name": name,
        "source": item["source"],
        "translator": fit["translator"],
        "options": fit.get("options") or {},
        "models": {key: judging[key] for key in ("model", "adapted")},
        "size": told["size"],
        "verdict": told["verdict"],
        "images": images["image"].tolist(),
        "references": images["reference"].tolist(),
        "whose": whose(fit),
        "changed": {key: images[key].round(4).tolist() for key in ("model", "adapted")},
        "table": _rows(closeness),
        "changes": _rows(changes),
    }


def whose(fit: Content) -> str:
    """What the target image beside a translation is to it, by its `fit_translator`."""
    if fit.get("training") is not None:
        return "a target image; it learnt from all"
    if fit.get("references") == "mean":
        return "a target image; it has the mean look of all"
    return "the target image whose look it has"


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A mapping a row; null where a number does not apply."""
    rows = table.astype(object).where(table.notna(), None)
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.itertuples(index=False)]
