"""Section `translate` of a translation."""

from __future__ import annotations

from pydantic import Field

from pipeline.runtime.compute import Compute
from pipeline.runtime.params import Section, Seed
from pipeline.sections.fit_translator import Params as Fitted


class Params(Section):
    """`translations.<name>.translate`, with `compute` and `seed`."""

    copies: int = Field(default=1, ge=1, le=999)  # versions of an image, each of its own reference
    seed: Seed
    compute: Compute = Compute()


class Translation(Section):
    """All of `translations.<name>` that decides its images."""

    fit_translator: Fitted
    translate: Params
