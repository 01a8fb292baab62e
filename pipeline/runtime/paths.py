"""Where each stage finds and leaves its files, as dvc.yaml tracks them.

So a command is short: `python -m pipeline.stages.retrain round-1`. DVC prints it, and so do logs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.runtime import params
from pipeline.runtime.contents import FILE, Content, section_of
from pipeline.runtime.files import BadInput

SHARED = {
    "target": "data/prepared/target.parquet",
    "target_truth": "data/prepared/target_truth.parquet",
    "val": "data/prepared/val.parquet",
    "taxonomy": "data/prepared/taxonomy.json",
    "classes": "data/prepared/classes.csv",
    "prior": "data/prepared/prior.npy",
    "shares": "data/prepared/shares.parquet",
    "source": "data/sources/{source}/index.parquet",
    "index": "data/sources/{item}/index.parquet",
    "initial": "models/{start}.pt",
    "teacher": "models/{teacher}.pt",
    "model": "models/{item}.pt",
    "unfinished": "data/unfinished/{stage}/{item}",
    "predictions": "data/rounds/{item}/predictions",
    "corrections": "data/rounds/{item}/corrections",
    "labels": "data/rounds/{item}/labels",
    "dense": "data/rounds/{item}/dense",
    "thresholds": "data/rounds/{item}/thresholds.parquet",
    "coverage": "data/rounds/{item}/coverage.parquet",
    "split": "data/rounds/{item}/split.parquet",
    "curve": "reports/rounds/{item}/training.csv",
    "metrics": "reports/rounds/{item}/metrics.json",
    "iou": "reports/rounds/{item}/iou.csv",
    "look": "reports/look/{item}",
    "panels": "reports/panels",
}
"""By the name that a stage's flag has; in braces what params.yaml says of the item."""

OWN = {
    "generate": {"out": "data/raw/streets/{item}"},
    "prepare": {"refused": "data/prepared/refused.csv"},
    "source": {
        "refused": "data/sources/{item}/refused.csv",
        "classes": "reports/sources/{item}/classes.csv",
    },
    "mix": {
        "one": "data/sources/{one}/index.parquet",
        "other": "data/sources/{other}/index.parquet",
    },
    "prior": {"picture": "data/prepared/prior.png"},
    "warmup": {"initial": "models/{from}.pt"},
    "mean": {"one": "models/{one}.pt", "other": "models/{other}.pt"},
    "correct": {
        "corrections": "data/corrections",
        "in_force": "data/rounds/{item}/corrections",
    },
    "report": {
        "sources": "reports/sources",
        "rounds": "reports/rounds",
        "look": "reports/look",
        "metrics": "reports/metrics.json",
        "scores": "reports/scores",
        "table": "reports/rounds.csv",
        "iou": "reports/iou.csv",
        "figures": "reports/figures",
        "summary": "reports/summary.html",
        "page": "reports/page",
        "index": "reports/index.html",
    },
}
"""What is elsewhere in one stage, or is of it alone."""


def place(stage: str, name: str, words: Content) -> Path | None:
    """Where `stage` has what its flag `name` is of; None of what has no usual place.

    `words`: as `words` gives them. Raises BadInput where a place needs another.
    """
    template = (SHARED | OWN.get(stage, {})).get(name)
    try:
        return None if template is None else Path(template.format_map(words))
    except KeyError as error:
        item = words.get("item") or ""
        raise BadInput(
            f"{FILE}: {stage} {item}: it has no {error.args[0]!r}; see whether this is its name, "
            "and run segue check"
        ) from error


def words(stage: str, item: str | None) -> dict[str, Any]:
    """What places are made of: stage, item, and what params.yaml says of the item."""
    content = params.read()
    if item is None:
        return {"stage": stage, **section_of(content, stage)}
    own = section_of(content, f"{stage}.{item}")
    if item in section_of(content, "rounds"):
        of_round = section_of(content, f"rounds.{item}")
        own = {**of_round, **section_of(content, f"rounds.{item}.{stage}")}
    return {**own, "stage": stage, "item": item}
