"""A source of two others, which take turns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline.domain import artifacts
from pipeline.domain.samples import Domain
from pipeline.runtime import process
from pipeline.runtime.files import BadInput
from pipeline.runtime.params import load
from pipeline.sections.mix import Params


def run(one: Mapping[str, Domain], other: Mapping[str, Domain]) -> dict[str, Domain]:
    """The sources of both by name, in order: three are a mix of a mix, however they are paired.

    Raises BadInput where both have a source of one name.
    """
    if both := [name for name in one if name in other]:
        raise BadInput(
            f"mix: {both[0]} is in both; its sources take equal turns, so name each once"
        )
    return {**one, **other}


def main() -> None:
    """Open, run, write."""
    at = process.paths("one", "other", "index", item=True)
    load(Params, f"mix.{at.item}")
    one, other = (artifacts.read_sources(path, lambda _: Path()) for path in (at.one, at.other))
    mixed = run(one, other)
    artifacts.write_sources(at.index, mixed)
    print(f"{at.item}: {', '.join(f'{len(of)} of {name}' for name, of in mixed.items())}")


if __name__ == "__main__":
    process.stage(main)
