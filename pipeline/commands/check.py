"""Check all of params.yaml before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline import params, parts
from pipeline.samples import BadInput
from pipeline.stages import (
    evaluate,
    gallery,
    generate,
    infer,
    prepare,
    pretrain,
    pseudo_label,
    retrain,
    split,
    warmup,
)

_OF_ROUNDS: dict[str, tuple[type[params.Section], tuple[str, ...]]] = {
    "infer": (infer.Params, ("infer",)),
    "pseudo_label": (pseudo_label.Params, ("pseudo_label",)),
    "split": (split.Params, ("split",)),
    "retrain": (retrain.Params, ("training", "retrain")),
    "evaluate": (evaluate.Params, ("evaluate",)),
    "gallery": (gallery.Params, ("gallery",)),
}
_ROOMS = {
    "labeler": "labelers",
    "ranker": "rankers",
    "objective": "objectives",
    "reader": "datasets",
}


def check(
    path: Annotated[Path, typer.Argument(help="a whole params file")] = params.FILE,
) -> None:
    """Check every section, item and part of params.yaml; all that is wrong at once."""
    problems = list(_problems(params.read(path), path))
    if problems:
        raise BadInput("\n".join(problems))
    typer.echo(f"{path}: every section, item and part is in order")


def _problems(content: Mapping[str, Any], path: Path) -> Iterator[str]:
    for model, sections in _sections(content):
        try:
            found = params.load(model, *sections, path=path)
            for field, room in _ROOMS.items():
                for part in (found, *(getattr(found, role, None) for role in prepare.DOMAINS)):
                    if isinstance(name := getattr(part, field, None), str):
                        parts.find(room, name)
            if isinstance(found, pretrain.Params):
                parts.find("networks", found.network.name)
        except BadInput as error:
            yield str(error)


def _sections(content: Mapping[str, Any]) -> Iterator[tuple[type[params.Section], tuple[str, ...]]]:
    yield prepare.Params, ("prepare",)
    for name in content.get("generate") or {}:
        yield generate.Params, (f"generate.{name}",)
    for name in content.get("pretrain") or {}:
        yield pretrain.Params, ("training", f"pretrain.{name}")
    for name in content.get("warmup") or {}:
        yield warmup.Params, ("training", f"warmup.{name}")
    for name in content.get("rounds") or {}:
        for stage, (model, sections) in _OF_ROUNDS.items():
            yield model, (*sections, f"rounds.{name}.{stage}")
