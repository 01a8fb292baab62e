"""Section `mean`."""

from __future__ import annotations

from pydantic import Field

from pipeline.runtime.params import Section


class Params(Section):
    """`mean.<name>`: two models, by name."""

    one: str
    other: str
    share: float = Field(default=0.5, gt=0, lt=1)  # what `one` counts, and `other` the rest
