"""What the processes of a run have found, put together. They are started by `launch`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, distributed

from pipeline.runtime.files import BadInput, Ended

if TYPE_CHECKING:  # it takes as long as torch to import, and losses need none of it
    from lightning_fabric import Fabric


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
        raise Ended(
            f"another process of this run has ended ({str(error).splitlines()[0]}); its own "
            "message says why; run it again"
        ) from error
    return total / distributed.get_world_size()


def pooled(value: Tensor) -> Tensor:
    """`averaged`, with a gradient: this process's part of it.

    A function of it then has the gradient of one process that has all samples, once those of all
    processes are averaged; of `value` itself, only a linear one has.
    """
    return value + (averaged(value) - value).detach()


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
