"""A domain, as `prepare` has two of them and `source` any number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from pipeline.runtime.params import Section

MADE = (
    *("data/prepared", "data/sources", "data/translators", "data/rounds"),
    *("models", "reports"),
)
"""Where the pipeline writes."""


class DomainParams(Section):
    """Where a domain's files lie, which data set reads them, and the size to work at."""

    reader: str
    root: Path
    width: int = Field(ge=8, le=16384)
    height: int = Field(ge=8, le=16384)
    options: dict[str, Any] = Field(default_factory=dict)
    limit: int | None = Field(default=None, ge=1)  # so many of its images, drawn by name; null: all
    # a class of the reader's -> one of the task's, or null: ignored; others keep their names
    rename: dict[str, str | None] = Field(default_factory=dict)

    @field_validator("root", mode="before")
    @classmethod
    def _named(cls, root: Any) -> Any:
        if root == "":
            raise ValueError("it is empty; name the folder")
        return root

    @field_validator("root")
    @classmethod
    def _written_out(cls, root: Path) -> Path:
        if root.parts[:1] == ("~",):
            raise ValueError("~ is the shell's; write the folder out")
        if inside := [name for name in MADE if Path(name).resolve().is_relative_to(root.resolve())]:
            raise ValueError(
                f"the pipeline writes {inside[0]} in it, and would read what it made; name the "
                "folder of the data alone"
            )
        return root
