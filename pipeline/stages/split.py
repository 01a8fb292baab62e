"""Target images ranked into easy and hard, without those that people exclude."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.domain import artifacts, tables
from pipeline.domain.samples import file_name
from pipeline.review import verdicts
from pipeline.runtime import parts, process
from pipeline.runtime.files import BadInput
from pipeline.runtime.params import load, read
from pipeline.sections.split import Params


def scored(params: Params, coverage: Iterable[pd.DataFrame], thresholds: pd.DataFrame) -> pd.Series:
    """image -> score, low is easy, of coverage in parts of whole images."""
    ranker = parts.build("rankers", params.ranker, params.options)
    found: pd.Series = pd.concat([ranker.scores(part, thresholds) for part in coverage])
    return found


def run(params: Params, scores: pd.Series, excluded: Collection[str] = ()) -> pd.DataFrame:
    """Columns image, score, rank (0 is easiest), subset: the first floor(n * easy) are easy.

    Images whose names as files are `excluded` are behind all others, in a subset of their own, and
    n counts the others alone.
    """
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
    coverage = tables.by_image(at.coverage, [*thresholds["class"]], "predicted", "sure")
    scores = scored(params, coverage, thresholds)
    out = excluded(at.review, at.item, scores.index)
    artifacts.write_table(at.split, run(params, scores, out))


if __name__ == "__main__":
    process.stage(main)
