"""Replace params.yaml by a preset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import _text
from pipeline.runtime import params
from pipeline.runtime.files import BadInput


def preset(
    name: Annotated[str, typer.Argument(help="name of a file in presets/, without its suffix")],
    folder: Annotated[Path, typer.Option(help="folder of the presets")] = Path("presets"),
) -> None:
    """Replace params.yaml by a preset; the old file is kept beside it."""
    choices = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    if name not in choices:
        known = f"choose {', '.join(choices)}" if choices else f"{folder} holds none; see --folder"
        raise BadInput(f"no preset {name!r}; {known}")
    _text.put(params.FILE, choices[name].read_bytes(), choices.values())
    typer.echo(f"params.yaml is now {choices[name]}; run it with: dvc repro")
