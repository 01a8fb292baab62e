"""Metrics, tables and figures over all models, or over those that are there so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from pipeline.checks import census
from pipeline.domain import artifacts, pictures, tables
from pipeline.domain.taxonomy import Taxonomy
from pipeline.look import (
    changes,
    comparison,
    corrections,
    curves,
    figures,
    mosaics,
    provenance,
    sofar,
    summary,
    translations,
    verdict,
)
from pipeline.look import page as look_page
from pipeline.runtime import lineage, process
from pipeline.runtime.contents import overlay, section_of
from pipeline.runtime.files import read_json, write_bytes, write_json
from pipeline.runtime.names import learned_from, uses
from pipeline.runtime.params import read

FIELDS = ("miou", "miou16", "miou13", "rare")


@dataclass(frozen=True)
class Evaluated:
    """What evaluate found of one model."""

    metrics: Mapping[str, Any]
    iou: pd.DataFrame


@dataclass(frozen=True)
class Report:
    """What `reports/` holds beside each model's own folder."""

    metrics: dict[str, dict[str, float]]
    rounds: pd.DataFrame
    iou: pd.DataFrame  # one row a class, one column a model
    figures: dict[str, Image.Image]
    verdict: verdict.Verdict


def run(
    params: Mapping[str, Any],
    found: Mapping[str, Evaluated],
    looks: Mapping[str, Image.Image],
    taxonomy: Taxonomy,
    panels: Sequence[str] = mosaics.PANELS,
) -> Report:
    """`params`: all of params.yaml. `found`: by model. `looks`: a strip of `panels` by round.

    What no model has, such as mIoU where val is nothing, is no column and no figure.
    """
    metrics = {name: _measured(e.metrics) for name, e in found.items()}
    rounds = pd.DataFrame([_row(params, name, e) for name, e in found.items()])
    rounds = rounds.astype({"steps": int}).dropna(axis=1, how="all")
    if "miou" in rounds:
        in_rounds = rounds["model"].isin([*(params.get("rounds") or {})])
        best = rounds["miou"].where(in_rounds).astype(float)
        rounds["oracle"] = np.where(best.notna() & (best == best.max()), "best on truth", "")
    names = pd.Index(next(iter(found.values())).iou["class"], name="class")
    each = {name: e.iou["iou"] for name, e in found.items() if "iou" in e.iou}
    iou = pd.DataFrame({name: values.to_numpy(float) for name, values in each.items()}, names)
    tables = {name: e.iou for name, e in found.items()}
    adapted = {name: tables[name] for name in params.get("rounds") or {}}
    drawn = figures.of(rounds, iou, adapted) | figures.in_rounds(looks, panels, taxonomy)
    return Report(metrics, rounds, iou, drawn, verdict.of(rounds, tables, _held_out(params)))


def _held_out(params: Mapping[str, Any]) -> bool:
    """Whether val's images are a source's."""
    return section_of(params, "prepare.val").get("held_out") is not None


def _measured(metrics: Mapping[str, Any]) -> dict[str, float]:
    """IoU's means; where there are none, what few labels say, and what needs no label."""
    found = {key: metrics[key] for key in FIELDS if metrics.get(key) is not None}
    light = {"few": few["miou"]} if (few := metrics.get("few")) else {}
    return found or {**light, **(metrics.get("signals") or {})}


def _row(params: Mapping[str, Any], name: str, evaluated: Evaluated) -> dict[str, Any]:
    item = (params.get("rounds") or {}).get(name) or {}
    making = overlay(params.get("pseudo_label") or {}, item.get("pseudo_label") or {})
    labels = evaluated.metrics.get("labels", {})
    few = evaluated.metrics.get("few")
    return {
        "model": name,
        "source": learned_from(params).get(name),
        "teacher": item.get("teacher"),
        "labeler": making.get("labeler") if item else None,
        "portion": making.get("portion") if item else None,
        "steps": provenance.steps(params, name),
        "coverage": labels.get("coverage"),
        "precision": labels.get("precision"),
        **{key: evaluated.metrics.get(key) for key in FIELDS},
        **dict.fromkeys(figures.SIGNALS),
        **(evaluated.metrics.get("signals") or {}),
        **({"few": few["miou"]} if few else {}),
    }


def main() -> None:
    """Open, run, write."""
    made = ("metrics", "scores", "table", "iou", "corrections", "changed", "figures", "summary")
    given = ("sources", "rounds", "look", "panels", "review", "taxonomy", "classes")
    at = process.paths(*given, *made, "page", "index", "best")
    every = read()
    params, models, missing = sofar.made(every, at.sources, at.rounds, at.look)
    found = {
        name: Evaluated(
            read_json(at.rounds / name / "metrics.json"),
            artifacts.read_table(at.rounds / name / "iou.csv"),
        )
        for name in models
    }
    looks = {name: mosaics.middle(at.look / name / "images") for name in params.get("rounds") or {}}
    index = read_json(at.panels / "index.json")
    taxonomy = artifacts.read_taxonomy(at.taxonomy)
    panels = mosaics.PANELS if any(index["truth"]) else mosaics.PANELS[:-1]
    report = run(params, found, looks, taxonomy, panels)
    shown = [
        (n, k) for n in looks for k in ("split", "growth") if (at.look / n / f"{k}.png").exists()
    ]
    write_json(at.metrics, report.metrics)
    comparison.write_scores(at.scores, report.rounds)
    artifacts.write_table(at.table, report.rounds)
    artifacts.write_table(at.iou, report.iou.round(6).reset_index())
    corrected = corrections.read(at.rounds, looks, taxonomy)
    artifacts.write_table(at.corrections, corrected)
    for name, figure in report.figures.items():
        pictures.write_image(at.figures / f"{name}.png", figure)
    report.verdict.write(at.best, comparison.rows(report.rounds))
    drawn = (report.rounds, report.iou, report.figures)
    told = summary.page(report.verdict, *drawn, shown, _lacking(params, at))
    write_bytes(at.summary, told.encode())
    of_classes = {name: e.iou for name, e in found.items()}
    changed = changes.of_rounds(params, at.look, tuple(index["size"]), len(taxonomy))
    artifacts.write_table(at.changed, changes.table(changed, index["images"], taxonomy.names))
    of_labels = [*taxonomy.names, ""]
    quality = {n: tables.by_image(at.rounds / n / "quality.parquet", of_labels) for n in looks}
    given_it = (at.panels, at.look, changed, quality)
    content = look_page.content(params, report.metrics, of_classes, taxonomy, *given_it)
    content |= {"verdict": report.verdict.parts, "curves": curves.read(at.rounds, found)}
    content["translations"] = translations.content(params, at.sources)
    content |= {
        "provenance": provenance.of(every, at.index),
        "corrections": corrected.to_dict("records"),
    }
    judged = look_page.judged(at.review, section_of(every, "rounds"))
    content |= {"verdicts": {name: judged[name] for name in looks}}
    look_page.write(at.index, at.page, content)
    print(report.verdict.text)
    if missing:
        print(f"Not there yet: {', '.join(missing)}")


def _lacking(params: Mapping[str, Any], at: Any) -> Iterator[str]:
    """What the sources that models learn from have no pixel of, and val."""
    for name in dict.fromkeys(source for _, source in uses(params) if source is not None):
        paths = [at.sources / n / "classes.csv" for n in lineage.folders(params, name)]
        if not all(path.exists() for path in paths):
            continue  # no model has learned from it yet
        tables = [*map(_classes, paths)]
        pixels = sum(table["pixels"] for table in tables)
        yield from census.lacking(name, tables[0].assign(pixels=pixels), census.UNLEARNED)
    if _held_out(params):
        yield census.HELD_OUT
    yield from census.lacking("val", _classes(at.classes), census.UNMEASURED)


def _classes(path: Path) -> pd.DataFrame:
    return artifacts.read_table(path, "class", "pixels")


if __name__ == "__main__":
    process.stage(main)
