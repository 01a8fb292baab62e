"""The ranks of a training on a Ray cluster: Ray Train starts them, and again where one dies.

Each runs the stage as torchrun would have it, and goes on from the checkpoint.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

from pipeline.runtime import cluster_head
from pipeline.runtime.cluster import AGAIN, head, join, resources
from pipeline.runtime.compute import Compute
from pipeline.runtime.files import BadInput, Ended

_PLACE = Path(".dvc/tmp/segue/ray")
"""For what Ray Train keeps of a run; it lies where all machines see it."""
_SAID = "said-"
_AGAIN = "a process of the training ended; it goes on from its checkpoint"


def run(compute: Compute) -> None:
    """This stage, by as many processes as `compute.devices`; returns when they are done.

    Raises BadInput where one of them does, and where the cluster has no room for them.
    """
    assert compute.cluster is not None
    os.environ["RAY_TRAIN_V2_ENABLED"] = "1"
    ray = join(compute.cluster, quiet=True)
    needs, count = _asked(ray, compute)
    place = (_PLACE / uuid.uuid4().hex).absolute()
    given = {"stage": Path(sys.argv[0]).stem, "words": sys.argv[1:], "place": str(place)}
    try:
        place.mkdir(parents=True)
        with _followed(place / f"{_SAID}0"):
            for _ in range(AGAIN + 1):
                if _done(given | {"folder": str(Path.cwd())}, needs, count, place):
                    return
                cluster_head.check(head(ray))
                print(_AGAIN, file=sys.stderr)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    raise BadInput(
        f"compute.cluster: a process of the training ended {AGAIN + 1} times; look for its own "
        "message above and at the machines' memory, then run it again: it goes on from its "
        "checkpoint"
    )


@contextmanager
def _followed(path: Path) -> Iterator[None]:
    """What the first rank says there is said here too, as it comes."""
    path.touch()
    done = threading.Event()

    def follow() -> None:
        with path.open(encoding="utf-8") as said:
            ends = False
            while not ends:
                ends = done.wait(0.5)
                sys.stderr.write(said.read())
                sys.stderr.flush()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _done(given: dict[str, Any], needs: dict[str, float], count: int, place: Path) -> bool:
    """Whether a run came to its end, and did not lose a process. Raises what a rank raised."""
    from ray.exceptions import RayError
    from ray.train import RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchConfig, TorchTrainer

    gpu = "GPU" in needs
    scaling = ScalingConfig(num_workers=count, use_gpu=gpu, resources_per_worker=needs)
    trainer = TorchTrainer(
        _rank,
        train_loop_config=given,
        scaling_config=scaling,
        torch_config=TorchConfig("nccl" if gpu else "gloo"),
        run_config=RunConfig(name=uuid.uuid4().hex, storage_path=str(place)),
    )
    try:
        trainer.fit()
    except (RayError, TrainingFailedError) as error:  # of a rank, or of what watches over them
        for failure in getattr(error, "worker_failures", {}).values():
            cause = getattr(failure, "cause", failure)
            if isinstance(cause, BadInput | MemoryError | OSError) and not isinstance(cause, Ended):
                raise cause from error
        return False
    return True


def _asked(ray: Any, compute: Compute) -> tuple[dict[str, float], int]:
    """What each rank needs, and how many ranks there are."""
    gpus, cpus = resources(ray, "GPU"), resources(ray, "CPU")
    kind = "GPU" if compute.accelerator != "cpu" and any(gpus) else "CPU"
    count = compute.devices if compute.devices != "auto" else sum(gpus) if kind == "GPU" else 1
    alone = min(os.cpu_count() or 1, max(cpus)) if count == 1 and kind == "CPU" else 1
    threads = min(compute.threads or alone, max(cpus))
    room = sum(gpus) if kind == "GPU" else sum(own // threads for own in cpus)
    if count > room:
        raise BadInput(
            f"compute.devices = {count}: the cluster has room for {room}, by its {sum(gpus)} GPUs "
            f"and {sum(cpus)} CPUs; lower it, or add machines"
        )
    return {"CPU": threads, **({"GPU": 1} if kind == "GPU" else {})}, count


def _rank(given: dict[str, Any]) -> None:
    """The stage, in a process that Ray Train started and told of the others."""
    os.chdir(given["folder"])
    sys.argv = [given["stage"], *given["words"]]
    os.environ["TORCHELASTIC_RUN_ID"] = "cluster"  # as torchrun's
    rank, local, node = (int(os.environ[f"{of}RANK"]) for of in ("", "LOCAL_", "NODE_"))
    if node * int(os.environ["LOCAL_WORLD_SIZE"]) + local != rank:
        raise BadInput(
            "compute.devices: the machines of the cluster cannot have equally many processes; "
            "take a multiple of their number"
        )
    said = Path(given["place"], f"{_SAID}{rank}")
    with said.open("a", buffering=1, encoding="utf-8") as told, redirect_stderr(told):
        importlib.import_module(f"pipeline.stages.{given['stage']}").main()
