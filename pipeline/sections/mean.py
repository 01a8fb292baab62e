"""Section `mean`."""

from __future__ import annotations

from pipeline.runtime.params import Section


class Params(Section):
    """`mean.<name>`: two models, by name."""

    one: str
    other: str
