"""What a stage leaves, as artifacts on its run: tables, pictures, links, how far it has trained."""

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
from uuid import UUID

from PIL import Image
from prefect.artifacts import (
    Artifact,
    MarkdownArtifact,
    TableArtifact,
    create_progress_artifact,
    update_progress_artifact,
)
from prefect.client.schemas.objects import Artifact as ArtifactResponse

from pipeline.flow.graph import Stage, key

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
    if (path / "mosaic.png").is_file():
        text = picture(path / "mosaic.png", f"{out}/mosaic.png")
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
    """Its first rows, by column; numbers as numbers, so that they sort, and text as Markdown."""
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = [row for row, _ in zip(csv.DictReader(file), range(_ROWS), strict=False)]
    return [{str(k): _value(v) for k, v in row.items() if isinstance(v, str)} for row in rows]


def _value(text: str) -> str | float:
    try:
        number = float(text)
    except ValueError:
        return escape(text)
    return number if math.isfinite(number) else text


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


class Training:
    """How far a stage has trained, from the curve that it writes, as a progress artifact."""

    def __init__(self, root: Path, stage: Stage) -> None:
        self._stage = stage
        self._path = root / stage.curve if stage.curve else None
        self._artifact: UUID | None = None
        self._shown = ""

    def update(self) -> None:
        """Show the curve's last row, if there is a new one."""
        row = last(self._path) if self._path and self._path.is_file() else {}
        step = row.get("step", "")
        if not step.isdigit() or step == self._shown:
            return
        self._shown = step
        total = self._stage.steps
        share = min(100.0, 100 * int(step) / total) if total else 0.0
        rest = ", ".join(f"{escape(k)} {escape(v)}" for k, v in row.items() if k != "step")
        note = f"{escape(self._stage.name)}: step {step} of {total or 'unknown'}; {rest}"
        if self._artifact is None:
            name = f"training-{key(self._stage.name)}"
            made = create_progress_artifact(share, key=name, description=note)
            self._artifact = cast(UUID, made)
        else:
            update_progress_artifact(self._artifact, share, description=note)


def last(path: Path) -> dict[str, str]:
    """The last whole row of a CSV that another process may be writing."""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
    header, *rows = csv.reader(lines or [""])
    return dict(zip(header, rows[-1], strict=False)) if rows else {}
