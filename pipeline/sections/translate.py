"""Section `translate` of a translation."""

from __future__ import annotations

from pydantic import Field

from pipeline.runtime.params import Section, Seed
from pipeline.sections.fit_translator import Params as Fitted


class Params(Section):
    """`translations.<name>.translate`, with `seed`: how many versions of each image there are."""

    copies: int = Field(default=1, ge=1, le=999)  # each with a reference of its own
    seed: Seed


class Translation(Section):
    """All of `translations.<name>` that decides its images."""

    fit_translator: Fitted
    translate: Params
