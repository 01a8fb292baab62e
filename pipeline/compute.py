"""Where the work runs: device, precision, processes and threads, as parameters."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from lightning_fabric import Fabric
from pydantic import Field

from pipeline.params import Section
from pipeline.samples import BadInput

Fixed = Literal["32-true", "16-mixed", "bf16-mixed"]


class Compute(Section):
    """Section `compute`. Only `precision` changes results, so DVC tracks it alone."""

    accelerator: str = "auto"
    devices: Annotated[int, Field(ge=1)] | Literal["auto"] = 1
    strategy: str = "auto"
    precision: Fixed | Literal["auto"] = "auto"
    threads: int | None = Field(default=None, ge=1)
    workers: int = Field(default=0, ge=0)  # processes that read and augment; 0 does it in line
    memory: int = Field(default=512, ge=0)  # MB of decoded images that each process keeps


def launch(compute: Compute) -> Fabric:
    """A launched Fabric. `auto` precision is bfloat16 where the device computes in it.

    Raises BadInput for a device that is not there.
    """
    if compute.threads:
        torch.set_num_threads(compute.threads)
    try:
        fabric = Fabric(
            accelerator=compute.accelerator,
            devices=compute.devices,
            strategy=compute.strategy,
            precision=_precision(compute),
        )
    except (ImportError, RuntimeError, ValueError) as error:
        asked = f"accelerator {compute.accelerator!r}, strategy {compute.strategy!r}"
        raise BadInput(f"compute: {asked}: {error}; auto takes what there is") from error
    fabric.launch()
    return fabric


def _precision(compute: Compute) -> Fixed:
    if compute.precision != "auto":
        return compute.precision
    if torch.cuda.is_available() and compute.accelerator != "cpu":
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16-mixed" if native else "32-true"
