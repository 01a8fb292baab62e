"""The page itself: what it shows as one script, beside its own code."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.domain import artifacts, tables
from pipeline.domain.taxonomy import Taxonomy
from pipeline.look import changes, maps
from pipeline.look.changes import Counts
from pipeline.review import verdicts
from pipeline.runtime.contents import Content, overlay
from pipeline.runtime.files import read_json, write_bytes
from pipeline.runtime.names import ancestry, learned_from

_NUMBERS = ("coverage", "entropy", "confidence", "score", "wrong", "wrong_prediction")
_OF_CLASSES = ("predicted", "kept", "wrong_kept")
_SUBSETS = {"easy": 0, "hard": 1}
_LEFT_OUT = 2


def content(
    params: Content,
    metrics: Mapping[str, Mapping[str, float]],
    tables: Mapping[str, pd.DataFrame],
    taxonomy: Taxonomy,
    panels: Path,
    look: Path,
    changed: Mapping[str, Counts],
    quality: Mapping[str, Iterable[pd.DataFrame]],
) -> dict[str, Any]:
    """All that the page knows before it opens an image. `metrics`, `tables`: by model.

    By round, `changed`: what changes.of_rounds gives; `quality`: how far its labels can be trusted,
    in parts of whole images.
    """
    index = read_json(panels / "index.json")
    rounds = params.get("rounds") or {}
    iou = {n: {"iou": _numbers(table["iou"])} for n, table in tables.items() if "iou" in table}
    told = "\n".join([*index["images"], *index["ids"]]).encode()
    return {
        "report": hashlib.sha256(told).hexdigest()[:12],
        "classes": list(taxonomy.names),
        "colours": ["#{:02x}{:02x}{:02x}".format(*colour) for colour in taxonomy.colours],
        "levels": maps.LEVELS,
        **index,
        "models": [{"name": n, "numbers": metrics[n], **iou.get(n, {})} for n in tables],
        "rounds": [_round(params, n, tables[n], look, changed.get(n), quality[n]) for n in rounds],
    }


def _round(
    params: Content,
    name: str,
    table: pd.DataFrame,
    look: Path,
    changed: Counts | None,
    quality: Iterable[pd.DataFrame],
) -> dict[str, Any]:
    """A round's own facts, and a column for each number of its images."""
    item = params["rounds"][name]
    chain = ancestry(params, name)
    before = chain[-2] if len(chain) > 1 else None
    images = artifacts.read_table(look / name / "images.parquet")
    pixels = {key: np.stack(images[key].to_list()) for key in _OF_CLASSES}
    total = pixels["predicted"].sum(1, keepdims=True)
    change = None if changed is None else changes.shares(changed)
    doubts = tables.of_images(quality, [*images["image"]], "quality", "flip")
    truth = pd.to_numeric(table["coverage"]) / 100 if "coverage" in table else pd.Series([np.nan])
    with np.errstate(invalid="ignore", divide="ignore"):
        labelled = pd.Series(pixels["kept"].sum(0) / pixels["predicted"].sum(0))
    return {
        "name": name,
        "source": learned_from(params).get(name),
        "teacher": item["teacher"],
        "start": item["start"],
        "before": before,
        "pseudo_label": overlay(params.get("pseudo_label") or {}, item.get("pseudo_label") or {}),
        "split": overlay(params.get("split") or {}, item.get("split") or {}),
        "labels": (look / name / "labels").is_dir(),
        **{key: _numbers(table[key]) for key in ("lambda", "precision") if key in table},
        "labelled": _numbers(truth if truth.notna().any() else labelled),
        "hard": images["subset"].map(_SUBSETS).fillna(_LEFT_OUT).astype(int).tolist(),
        "corrected": images["corrected"].astype(int).tolist(),
        "columns": {key: _numbers(images[key]) for key in _NUMBERS}
        | {"change": change, **{key: _numbers(of[:, -1]) for key, of in doubts.items()}},
        "shares": {key: _shares(pixels[key] / total) for key in _OF_CLASSES}
        | {"quality": _shares(np.nan_to_num(doubts["quality"][:, :-1]))},  # 0: no label of it
    }


def judged(review: Path, rounds: Collection[str]) -> dict[str, list[tuple[str, str, str]]]:
    """By round, each image on which people gave a verdict: its name as a file, verdict, note.

    Raises BadInput where a file of them cannot be read.
    """
    found = {name: verdicts.of_round(review, rounds, name) for name in rounds}
    return {name: [(image, *of) for image, of in given.items()] for name, given in found.items()}


def _numbers(values: Any) -> list[float | None]:
    """To four decimals, more than the page shows; null for what does not apply."""
    numbers = pd.to_numeric(pd.Series(values)).to_numpy(float)
    return [round(v, 4) if np.isfinite(v) else None for v in numbers.tolist()]


def _shares(shares: Any) -> str:
    """Shares (images, classes) as packed uint16, rounded up: one pixel is not nothing."""
    return maps.pack(np.ceil(np.minimum(shares, 1) * maps.WHOLE).astype("<u2"))


def write(index: Path, folder: Path, shown: Content) -> None:
    """index.html, and in `folder` its scripts, its style and what it shows."""
    for file in sorted(files("pipeline.look").joinpath("static").iterdir(), key=lambda f: f.name):
        path = index if file.name == "index.html" else folder / file.name
        write_bytes(path, file.read_bytes())
    write_bytes(folder / "data.js", maps.script("look.open(", shown))
