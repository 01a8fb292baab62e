"""Section `compute`: device, precision, processes, threads and machines."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.runtime.params import Section

Fixed = Literal["32-true", "16-mixed", "bf16-mixed"]


class Compute(Section):
    """Section `compute`. Only `precision` changes results, so DVC tracks it alone."""

    accelerator: str = "auto"
    devices: Annotated[int, Field(ge=1)] | Literal["auto"] = 1
    precision: Fixed | Literal["auto"] = "auto"
    threads: int | None = Field(default=None, ge=1, le=1024)
    workers: int = Field(default=0, ge=0)  # processes that read and augment; 0 does it in line
    memory: int = Field(default=512, ge=0)  # MB of decoded images that each process keeps
    checkpoint_minutes: float = Field(default=5.0, ge=0)  # what a killed training loses at most
    # Ray's, of several machines: host:port, or auto, the one that this machine is in; null: none
    cluster: Annotated[str, Field(pattern=r"^(auto|[^\s/]+:\d{1,5})$")] | None = None


UNTRACKED = set(Compute.model_fields) - {"precision"}
"""What does not change results."""
