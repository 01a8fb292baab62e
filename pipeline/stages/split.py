"""Target images ranked into easy and hard."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.domain import artifacts
from pipeline.runtime import parts, process
from pipeline.runtime.params import load
from pipeline.sections.split import Params


def run(params: Params, coverage: pd.DataFrame, thresholds: pd.DataFrame) -> pd.DataFrame:
    """Columns image, score, rank (0 is easiest), subset: the first floor(n * easy) are easy."""
    ranker = parts.build("rankers", params.ranker, params.options)
    scores: pd.Series = ranker.scores(coverage, thresholds)
    table = pd.DataFrame({"image": scores.index.astype(str), "score": scores.to_numpy(float)})
    table = table.sort_values(["score", "image"], kind="stable", ignore_index=True)
    table["rank"] = np.arange(len(table))
    easy = table["rank"] < int(len(table) * params.easy)
    table["subset"] = np.where(easy, "easy", "hard")
    return table


def main() -> None:
    """Open, run, write."""
    at = process.paths("coverage", "thresholds", "split", item=True)
    params = load(Params, "split", f"rounds.{at.item}.split")
    thresholds = artifacts.read_table(at.thresholds, "class", "lambda")
    classes = [*thresholds["class"]]
    coverage = artifacts.read_table(at.coverage, "image", "predicted", "sure", classes=classes)
    tables = (coverage, thresholds)
    artifacts.write_table(at.split, run(params, *tables))


if __name__ == "__main__":
    process.stage(main)
