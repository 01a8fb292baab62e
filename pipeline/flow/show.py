"""What a stage leaves, as artifacts on its run: tables, pictures, and where pages lie."""

from __future__ import annotations

import base64
import csv
import html
import io
import math
import re
import shlex
from pathlib import Path
from typing import cast

from PIL import Image
from prefect.artifacts import (
    Artifact,
    MarkdownArtifact,
    TableArtifact,
)
from prefect.client.schemas.objects import Artifact as ArtifactResponse

from pipeline.flow.graph import Stage, key

MOSAIC = "mosaic.png"
"""In a folder that a stage made: what is shown of it."""

LARGEST = 200_000
"""Bytes of a picture as text: artifacts lie in Prefect's database."""

_WIDTHS = (1600, 1200, 900, 640, 480, 320, 160)
_ROWS = 500


def publish(root: Path, stage: Stage) -> None:
    """An artifact for each output worth a look, if it is not as the last one; a key is its path."""
    for out in stage.outs:
        made = _artifact(root / out, out) if out != stage.curve else None
        if made is None:
            continue
        last = cast(ArtifactResponse | None, Artifact.get(made.key))
        if last is None or last.data != made.format():
            made.create()


def _artifact(path: Path, out: str) -> Artifact | None:
    name, told = key(out), escape(out)
    if path.suffix == ".csv" and path.is_file():
        rows = table(path)
        more = rows and len(rows[0]) > 1  # than names, as of classes without an IoU
        return TableArtifact(key=name, description=told, table=rows) if more else None
    if path.suffix == ".html" and path.is_file():
        return MarkdownArtifact(key=name, description=told, markdown=page(path, out))
    if (path / MOSAIC).is_file():
        text = picture(path / MOSAIC, f"{out}/{MOSAIC}")
        return MarkdownArtifact(key=name, description=told, markdown=text)
    return None


def page(path: Path, name: str) -> str:
    """Markdown that says how to open a page: browsers follow no link from here to a file."""
    address = path.as_uri()
    return (
        f"### {escape(name)}\n\nCopy its address into the address bar of a browser:\n\n"
        f"```\n{address}\n```\n\nor open it from a terminal:\n\n"
        f"```\npython3 -m webbrowser -t {shlex.quote(address)}\n```\n"
    )


def table(path: Path) -> list[dict[str, str | float]]:
    """Its first rows, by column; numbers rounded, so that they sort, and text as Markdown."""
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = [row for row, _ in zip(csv.DictReader(file), range(_ROWS), strict=False)]
    return [{str(k): value(v) for k, v in row.items() if isinstance(v, str)} for row in rows]


def value(given: str | float) -> str | float:
    """A number rounded, so that it sorts, and text as Markdown."""
    try:
        number = float(given)
    except ValueError:
        return escape(str(given))
    return rounded(number) if math.isfinite(number) else str(given)


def rounded(number: float) -> float:
    """To what is read of it: two decimals, and three digits of what is less than one."""
    found = round(number, 2) if abs(number) >= 1 else float(f"{number:.3g}")
    return int(found) if found.is_integer() else found


def duration(seconds: float) -> str:
    """In words, as exact as is read: 40 s, 12 min, 3 h 20 min."""
    minutes = round(seconds / 60)
    if minutes < 2:  # noqa: PLR2004
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"  # noqa: PLR2004


def picture(path: Path, name: str) -> str:
    """Markdown of at most LARGEST bytes that holds the picture, made as small as that takes."""
    with Image.open(path) as image:
        image.load()
    shrunk = image if image.mode == "RGB" else image.convert("RGB")
    for width in _WIDTHS:  # in place: the mosaic of all rounds is large, and grows with them
        shrunk.thumbnail((width, 4 * width))
        file = io.BytesIO()
        shrunk.save(file, "JPEG", quality=85)
        data = base64.b64encode(file.getvalue()).decode()
        text = f"### {escape(name)}\n\n![mosaic](data:image/jpeg;base64,{data})\n"
        if len(text) <= LARGEST:
            break
    return text


def escape(text: str) -> str:
    """As plain text in Markdown, whatever it holds."""
    plain = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*_{}\[\]()#+!|~])", r"\\\1", plain)
