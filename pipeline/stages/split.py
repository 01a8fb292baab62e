"""Target images ranked into easy and hard, without those that people exclude."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.domain import artifacts
from pipeline.domain.samples import file_name
from pipeline.review import verdicts
from pipeline.runtime import parts, process
from pipeline.runtime.files import BadInput
from pipeline.runtime.params import load, read
from pipeline.sections.split import Params


def run(
    params: Params,
    coverage: pd.DataFrame,
    thresholds: pd.DataFrame,
    excluded: Collection[str] = (),
) -> pd.DataFrame:
    """Columns image, score, rank (0 is easiest), subset: the first floor(n * easy) are easy.

    Images whose names as files are `excluded` are behind all others, in a subset of their own, and
    n counts the others alone.
    """
    ranker = parts.build("rankers", params.ranker, params.options)
    scores: pd.Series = ranker.scores(coverage, thresholds)
    table = pd.DataFrame({"image": scores.index.astype(str), "score": scores.to_numpy(float)})
    table["out"] = table["image"].map(file_name).isin([*excluded])
    table = table.sort_values(["out", "score", "image"], kind="stable", ignore_index=True)
    table["rank"] = np.arange(len(table))
    out = table.pop("out")
    easy = table["rank"] < int((~out).sum() * params.easy)
    table["subset"] = np.select([out, easy], ["excluded", "easy"], "hard")
    return table


def excluded(folder: Path, name: str, images: Collection[str]) -> list[str]:
    """The names of the images that a round's verdicts exclude. Raises BadInput for all of them."""
    given = verdicts.of_round(folder, read().get("rounds") or {}, name)
    path, known = verdicts.place(folder, name), {file_name(image) for image in images}
    verdicts.check_names(path, given, known)
    out = [image for image, of in given.items() if of.verdict == verdicts.EXCLUDE]
    if len(out) == len(known):
        raise BadInput(f"{path}: excludes all {len(out)} images; leave some to learn from")
    return out


def main() -> None:
    """Open, run, write."""
    at = process.paths("review", "coverage", "thresholds", "split", item=True)
    params = load(Params, "split", f"rounds.{at.item}.split")
    thresholds = artifacts.read_table(at.thresholds, "class", "lambda")
    classes = [*thresholds["class"]]
    coverage = artifacts.read_table(at.coverage, "image", "predicted", "sure", classes=classes)
    out = excluded(at.review, at.item, coverage["image"].unique())
    artifacts.write_table(at.split, run(params, coverage, thresholds, out))


if __name__ == "__main__":
    process.stage(main)
