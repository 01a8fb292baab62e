"""What of params.yaml a report can already show while the rest still runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.look import translations
from pipeline.runtime.contents import Content, section_of
from pipeline.runtime.files import BadInput
from pipeline.runtime.names import MODELS

_EVALUATED = ("metrics.json", "iou.csv")
_TRANSLATED = ("translation.json", "translation.csv", "changes.csv")


class SoFar(NamedTuple):
    """`params` without rounds and translations that are not made; models with their metrics."""

    params: Content
    models: list[str]
    missing: list[str]


def made(content: Content, sources: Path, rounds: Path, look: Path) -> SoFar:
    """The rounds up to the first that is not finished, and the models that were evaluated.

    `sources`, `rounds` and `look`: the report's folders of each. Raises BadInput where no model was
    evaluated yet.
    """
    every = [name for section in MODELS for name in section_of(content, section)]
    models = [name for name in every if _all(rounds / name, _EVALUATED)]
    given = section_of(content, "rounds")
    finished = dict(_leading(given, models, rounds, look))
    painted = section_of(content, "translations")
    judged = {name: item for name, item in painted.items() if _judged(sources / name)}
    models = [name for name in models if name not in given or name in finished]
    if not models:
        raise BadInput(f"{rounds}: no model has been evaluated yet; run dvc repro")
    cut = {"rounds": finished, "translations": judged}
    shown = {key: cut.get(key, value) for key, value in content.items()}
    missing = [name for name in (*every, *painted) if name not in (*models, *judged)]
    return SoFar(shown, models, missing)


def _leading(
    given: Content, models: list[str], rounds: Path, look: Path
) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Later rounds go on from earlier ones: those before the first that is not finished."""
    for name, item in given.items():
        seen = (rounds / name / "quality.parquet", look / name / "images.parquet")
        if name not in models or not all(path.exists() for path in seen):
            return
        yield name, item


def _judged(folder: Path) -> bool:
    return _all(folder, _TRANSLATED) and _all(folder / translations.FOLDER, ("images.parquet",))


def _all(folder: Path, names: tuple[str, ...]) -> bool:
    return all((folder / name).exists() for name in names)
