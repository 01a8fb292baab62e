"""Section `split`."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from pipeline.runtime.params import Section


class Params(Section):
    """`rounds.<round>.split` over `split`."""

    ranker: str
    easy: float = Field(ge=0, le=1)
    options: dict[str, Any] = Field(default_factory=dict)
