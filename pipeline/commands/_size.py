"""The size of the images that a model is to see: what was asked for, or else its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import typer

from pipeline.model.model import Model

UNKNOWN = (1024, 512)
"""Of a model that was saved before models had a size."""


def chosen(
    used: Model, weights: Path, width: int | None = None, height: int | None = None
) -> tuple[int, int]:
    """(width, height), of which one that is asked for alone keeps the other in proportion.

    Says on stderr which it is where that is nobody's choice.
    """
    own = used.recipe.size or UNKNOWN
    if width is not None and height is not None:
        return width, height
    if width is not None:
        return width, max(1, round(width * own[1] / own[0]))
    if height is not None:
        return max(1, round(height * own[0] / own[1])), height
    told = "the size it was trained at" if used.recipe.size else "because its file names no size"
    typer.echo(f"{weights}: images of {own[0]}x{own[1]}, {told}; --width changes it", err=True)
    return own


def fitted(used: Model, weights: Path, width: int | None) -> Callable[[int, int], tuple[int, int]]:
    """Gives, of an image's width and height, those at which the network sees it.

    A `width` keeps its proportions, and 0 its size. None is the model's own size; a model without
    one sees images as they are.
    """
    if width is None and used.recipe.size is not None:
        own = chosen(used, weights)
        return lambda *_: own
    if width is None:
        told = "because its file names no size"
        typer.echo(f"{weights}: images as they are, {told}; --width changes it", err=True)
    return lambda w, h: (width, max(1, round(h * width / w))) if width else (w, h)
