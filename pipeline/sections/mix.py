"""Section `mix`."""

from __future__ import annotations

from pipeline.runtime.params import Section


class Params(Section):
    """`mix.<name>`: two sources or mixes, by name."""

    one: str
    other: str
