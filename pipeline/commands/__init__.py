"""What people run beside the pipeline: `segue --help`."""

from __future__ import annotations

import sys

import typer

from pipeline import process
from pipeline.commands import branch, check, cost, export, label, preset, score
from pipeline.files import BadInput

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)
for command in (
    *(label.label, score.score, export.export, cost.cost),
    *(preset.preset, check.check, branch.branch),
):
    app.command()(command)


def main() -> None:
    """The console script: BadInput is one message, exit 1."""
    try:
        app()
    except BadInput as error:
        sys.exit(f"error: {error}")
    except (MemoryError, OSError) as error:
        sys.exit(f"error: {process.machine(error)}")
