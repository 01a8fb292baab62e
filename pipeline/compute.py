"""Where the work runs: device, precision, processes and threads, as parameters."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from pydantic import Field
from torch import Tensor, distributed, nn

from pipeline.files import BadInput
from pipeline.params import Section

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


UNTRACKED = set(Compute.model_fields) - {"precision"}
"""What does not change results."""


class _Together(DDPStrategy):
    """Processes that start and find each other as in DDP, and add up what they found by `average`.

    DDP's own way hangs where a step goes several times through a network, or back to some of its
    parameters alone, as adversarial steps do.
    """

    def setup_module(self, module: nn.Module) -> nn.Module:  # type: ignore[override]
        """The module as it is."""
        return module


def launch(compute: Compute, alone: bool = False) -> Fabric:
    """A launched Fabric, of the processes that torchrun started or else of `devices`.

    `auto` precision is bfloat16 where the device computes in it. `alone`: a single process.
    Raises BadInput for a device that is not there.
    """
    given: dict[str, Any] = {"devices": 1 if alone else compute.devices}
    if distributed.is_torchelastic_launched() and not alone:
        here, all_ = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
        given = {"devices": here, "num_nodes": all_ // here, "strategy": "ddp"}
    given |= {"accelerator": compute.accelerator, "precision": _precision(compute)}
    try:
        fabric = Fabric(**given)
    except (ImportError, RuntimeError, ValueError) as error:
        asked = f"accelerator {compute.accelerator!r}, devices {compute.devices!r}"
        raise BadInput(f"compute: {asked}: {error}; auto takes what there is") from error
    if isinstance(fabric.strategy, DDPStrategy):
        fabric = Fabric(**given | {"strategy": _Together()})
    fabric.launch()
    if compute.threads:
        torch.set_num_threads(compute.threads)
    return fabric


def averaged(value: Tensor) -> Tensor:
    """Its mean over the processes of the run, float32; of a single process, `value` itself.

    Raises BadInput where another process has ended.
    """
    if not distributed.is_initialized() or distributed.get_world_size() == 1:
        return value
    total = value.detach().float().clone()
    try:
        distributed.all_reduce(total)
    except RuntimeError as error:
        raise BadInput(
            f"another process of this run has ended ({str(error).splitlines()[0]}); its own "
            "message says why; run it again"
        ) from error
    return total / distributed.get_world_size()


def agreed(value: int, what: str, fabric: Fabric) -> int:
    """`value`, in which all processes of the run agree. Raises BadInput where they do not."""
    if averaged(torch.tensor(value, device=fabric.device)).item() != value:
        raise BadInput(
            f"{what}: {value} in process {fabric.global_rank}, another elsewhere; all processes "
            "must see one folder: delete data/unfinished, or share it"
        )
    return value


def wait(fabric: Fabric) -> None:
    """Until all processes of the run have come here. Raises BadInput where one has ended."""
    averaged(torch.zeros((), device=fabric.device))


@torch.no_grad()
def average(tensors: Sequence[Tensor]) -> None:
    """Each becomes, in place, its mean over the processes of the run."""
    if not tensors or not distributed.is_initialized():
        return
    flat = averaged(torch.cat([tensor.reshape(-1) for tensor in tensors]))
    parts = torch.split(flat, [tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view(tensor.shape))


def _precision(compute: Compute) -> Fixed:
    if compute.precision != "auto":
        return compute.precision
    if torch.cuda.is_available() and compute.accelerator != "cpu":
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16-mixed" if native else "32-true"
