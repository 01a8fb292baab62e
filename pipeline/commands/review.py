"""Bring the verdicts of several people together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.review import verdicts
from pipeline.runtime.files import BadInput

review = typer.Typer(no_args_is_help=True, help=__doc__)

_SHOWN = 20
"""Contradictions that a message names."""


@review.callback()
def _only() -> None:
    """Without it typer would make the one command the whole."""


@review.command()
def merge(
    one: Annotated[Path, typer.Argument(metavar="A.csv", help="a file of verdicts")],
    other: Annotated[Path, typer.Argument(metavar="B.csv", help="another, of the same round")],
    out: Annotated[Path, typer.Argument(metavar="OUT.csv", help="is written; may be A or B")],
    prefer: Annotated[
        Literal["first", "second"] | None,
        typer.Option(help="whose verdict holds where they differ; a note keeps the other's"),
    ] = None,
) -> None:
    """Merge two files of verdicts; where they contradict each other nothing is written.

    Rows keep their order: those of A, then those that B alone has. Notes of both are kept.
    """
    if out.exists() and not any(out.samefile(path) for path in (one, other) if path.exists()):
        raise BadInput(f"{out}: is there already; merge with it as A or B, or write elsewhere")
    first, second = verdicts.read(one), verdicts.read(other)
    differ = verdicts.contradictions(first, second)
    if differ and prefer is None:
        raise BadInput(_told(one, other, first, second, differ))
    if prefer == "second":
        first, second, other = second, first, one
    made = verdicts.merged(first, second, other.name)
    verdicts.write(out, made)
    settled = f", {len(differ)} of them contradictions that were settled" if differ else ""
    typer.echo(f"{out}: {len(made)} verdicts{settled}")


def _told(
    one: Path,
    other: Path,
    first: verdicts.Verdicts,
    second: verdicts.Verdicts,
    differ: list[str],
) -> str:
    lines = [
        f"  {name}: {first[name].verdict} and {second[name].verdict}" for name in differ[:_SHOWN]
    ]
    more = [f"  and {len(differ) - _SHOWN} more"] if len(differ) > _SHOWN else []
    head = (
        f"{one} and {other} contradict each other on {len(differ)} images, so nothing is written; "
        "change one of the rows, or choose with --prefer first or second:"
    )
    return "\n".join([head, *lines, *more])
