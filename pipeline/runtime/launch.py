"""Where the work runs: the device, the precision and the processes that params.yaml asks for."""

from __future__ import annotations

import os
import sys
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import distributed, nn

from pipeline.runtime import cluster_ranks, process
from pipeline.runtime.compute import Compute, Fixed
from pipeline.runtime.files import BadInput

_LAUNCHERS = (
    *("LOCAL_RANK", "RANK", "NODE_RANK", "GROUP_RANK", "WORLD_SIZE"),
    *("MASTER_ADDR", "MASTER_PORT"),
)
"""What launchers of processes tell each of them, and may have left behind."""


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

    On a cluster they run the stage instead of this process, which ends with them. `auto` precision
    is bfloat16 where the device computes in it. `alone`: a single process. Raises BadInput for a
    device that is not there, and where other processes came than were asked.
    """
    if compute.cluster is not None and not alone and not process.beside():
        cluster_ranks.run(compute)
        sys.exit()
    given: dict[str, Any] = {"devices": 1 if alone else compute.devices}
    # what else Fabric would go by: variables that a batch system (SLURM, LSF, MPI) sets in any job
    given["plugins"] = [LightningEnvironment()]
    _forget_launchers()
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
    with process.starting_beside():
        fabric.launch()
    if given["devices"] not in ("auto", fabric.world_size // given.get("num_nodes", 1)):
        raise BadInput(
            f"compute.devices = {given['devices']}: {fabric.world_size} processes came of it; "
            "take 1, or start the processes with torchrun"
        )
    if compute.threads:
        torch.set_num_threads(compute.threads)
    return fabric


def _forget_launchers() -> None:
    """Of processes that were started beside others what they were told stays, and of no other."""
    if process.beside():
        return
    for name in _LAUNCHERS:
        os.environ.pop(name, None)


def _precision(compute: Compute) -> Fixed:
    if compute.precision != "auto":
        return compute.precision
    if torch.cuda.is_available() and compute.accelerator != "cpu":
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16-mixed" if native else "32-true"
