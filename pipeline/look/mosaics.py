"""Panels side by side, under what they show and above what their colours mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from pipeline.domain.colours import Colour
from pipeline.domain.pixels import Pixels
from pipeline.domain.taxonomy import Taxonomy

PANELS = ("image", "prediction", "pseudo-label", "truth")

_GAP, _LINE, _EDGE = 4, 22, 2  # pixels between panels, of a line of text, left of it
_SWATCH = 14


class _Key(NamedTuple):
    """What a colour means, and where that stands: line of the legend, pixels from the left."""

    line: int
    left: int
    name: str
    colour: Colour


def mosaic(
    rows: Sequence[Sequence[Pixels]],
    columns: Sequence[str],
    names: Sequence[str],
    classes: Taxonomy,
    title: str = "",
    width: int = 320,
) -> Image.Image:
    """Panels uint8 (h, w, 3) in rows, each `width` wide, a name on each row; a legend of `classes`.

    The title is above the headings of the columns, which may all be empty.
    """
    height = round(rows[0][0].shape[0] * width / rows[0][0].shape[1])
    wide = len(columns) * (width + _GAP) - _GAP
    keys = _keys(classes, wide)
    head = _LINE * (bool(title) + any(map(bool, columns)))
    foot = head + len(rows) * (height + _GAP)
    sheet = Image.new("RGB", (wide, foot + _LINE * (keys[-1].line + 1)), "white")
    pen, font = ImageDraw.Draw(sheet), _font()
    pen.text((_EDGE, 2), title, "black", font)
    for j, heading in enumerate(columns):
        pen.text((j * (width + _GAP) + _EDGE, head - _LINE + 2), heading, "black", font)
    for i, (panels, name) in enumerate(zip(rows, names, strict=True)):
        top = head + i * (height + _GAP)
        for j, panel in enumerate(panels):
            smooth = Image.Resampling.BILINEAR if j == 0 else Image.Resampling.NEAREST
            picture = Image.fromarray(panel).resize((width, height), smooth)
            sheet.paste(picture, (j * (width + _GAP), top))
        pen.text((5, top + 3), name, "white", font, stroke_width=2, stroke_fill="black")
    _draw(pen, keys, foot)
    return sheet


def middle(folder: Path) -> Image.Image:
    """The middle one of a folder's strips: the same image in every round."""
    strips = sorted(folder.glob("*.png"))
    with Image.open(strips[len(strips) // 2]) as strip:
        return strip.convert("RGB")


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(14)


def _keys(classes: Taxonomy, wide: int) -> list[_Key]:
    """The classes, and what has none, in lines that are `wide` at most."""
    keys: list[_Key] = []
    line, left, font = 0, _EDGE, _font()
    for name, colour in (*zip(classes.names, classes.colours, strict=True), ("none", (0, 0, 0))):
        needed = _SWATCH + 22 + int(font.getlength(name))
        if left + needed > wide and left > _EDGE:
            line, left = line + 1, _EDGE
        keys.append(_Key(line, left, name, colour))
        left += needed
    return keys


def _draw(pen: ImageDraw.ImageDraw, keys: Sequence[_Key], top: int) -> None:
    for key in keys:
        y = top + key.line * _LINE
        pen.rectangle((key.left, y + 3, key.left + _SWATCH, y + 3 + _SWATCH), key.colour, "black")
        pen.text((key.left + _SWATCH + 6, y + 2), key.name, "black", _font())
