"""Work on the machines of a Ray cluster: the same results in the same order, however many.

Ray is imported within functions, where `compute.cluster` asks for it, and by no other file. All
machines see the project's folder at one path.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pipeline.runtime import cluster_head, files
from pipeline.runtime.compute import Compute
from pipeline.runtime.files import BadInput

Batch = TypeVar("Batch")
Result = TypeVar("Result")

AGAIN = 5
"""Tries of a batch after the first, where the process that had it ended; so are those of ranks."""

_SETTINGS = {
    "RAY_AUTH_MODE": "token",  # whatever this version's default is
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_task_oom_retries": str(AGAIN),  # else a batch that never fits is tried for ever
}

_unpacked: dict[str, Any] = {}
"""In a process of the cluster: what it was sent to do, by a name of its own."""


def join(address: str, quiet: bool = False) -> Any:
    """The module ray, connected to the cluster at `address`. Raises BadInput where it cannot be.

    What its processes say is said here too, unless `quiet`.
    """
    where = f"compute.cluster = {address}"
    os.environ.update(_SETTINGS)
    try:
        import ray
    except ImportError as error:
        raise BadInput(
            f"{where}: needs Ray ({error}): pip install --constraint requirements.txt "
            "-e '.[cluster]', or set it to null"
        ) from error
    if ray.is_initialized():
        return ray
    try:
        if address != "auto":
            cluster_head.reach(address)
        ray.init(address, logging_level="ERROR", log_to_driver=not quiet)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise BadInput(f"{where}: {_why(error)}") from error
    cluster_head.watch(head(ray), partial(_is_joined, ray, head(ray)))
    return ray


def head(ray: Any) -> str:
    """Its address."""
    return str(ray.get_runtime_context().gcs_address)


def _is_joined(ray: Any, known: str) -> bool:
    return bool(ray.is_initialized() and head(ray) == known)


def _why(error: BaseException) -> str:
    whole = f"{error!r} {error.__cause__!r}"  # which holds another error, as text
    if "AuthenticationError" in whole:
        return (
            "the cluster's token is missing here, or is another; copy the head's ~/.ray/auth_token "
            "to this machine, or set RAY_AUTH_TOKEN"
        )
    said = (str(error) or repr(error)).strip().splitlines()[0]
    return (
        f"cannot be reached ({said}); start it by ray start, on this machine too, or set "
        "compute.cluster to null"
    )


def tasks(
    work: Callable[[Batch], Result], batches: Iterable[Batch], address: str
) -> Iterator[Result]:
    """What `work` makes of each batch, in their order; a CPU is one's.

    Raises what `work` raised, and BadInput where the cluster fails.
    """
    ray = join(address)
    sent = (uuid.uuid4().hex, [ray.put(work)], str(Path.cwd()))
    task = ray.remote(num_cpus=1, max_retries=AGAIN)(_do)
    room = lambda: 2 * int(ray.cluster_resources().get("CPU", 1))  # noqa: E731 - grows with it
    yield from _in_order(ray, lambda batch: task.remote(*sent, batch), batches, room)


def actors(
    work: Callable[[Batch], Result], batches: Iterable[Batch], compute: Compute
) -> Iterator[Result]:
    """The same by processes that each keep `work`, and so a model, and a GPU if there is one.

    Without GPUs, each has as many CPUs as one process by itself would have threads.
    """
    assert compute.cluster is not None
    ray = join(compute.cluster)
    sent = (uuid.uuid4().hex, [ray.put(work)], str(Path.cwd()))
    needs, count = _place(ray, compute)
    kind = ray.remote(max_restarts=-1, max_task_retries=AGAIN, **needs)(_Actor)
    made = [kind.remote() for _ in range(count)]
    free = {actor.ready.remote(): actor for actor in made}

    def send(batch: Batch) -> Any:
        (done, *_), _ = ray.wait([*free])  # one that has started, or has done its last batch
        actor = free.pop(done)
        reference = actor.do.remote(*sent, batch)
        free[reference] = actor
        return reference

    yield from _in_order(ray, send, batches, lambda: 2 * count)


def _in_order(
    ray: Any, send: Callable[[Batch], Any], batches: Iterable[Batch], room: Callable[[], int]
) -> Iterator[Any]:
    """Results as they come, with at most so many batches on their way."""
    waiting: deque[Any] = deque()
    with _told(ray):
        for batch in batches:
            waiting.append(send(batch))
            while len(waiting) >= room():
                yield ray.get(waiting.popleft())
        while waiting:
            yield ray.get(waiting.popleft())


def resources(ray: Any, kind: str) -> list[int]:
    """CPUs or GPUs of each machine."""
    return [int(node["Resources"].get(kind, 0)) for node in ray.nodes() if node["Alive"]]


def _place(ray: Any, compute: Compute) -> tuple[dict[str, int], int]:
    """What each actor asks for, and how many actors the cluster has room for."""
    gpus, cpus = resources(ray, "GPU"), resources(ray, "CPU")
    if compute.accelerator != "cpu" and any(gpus):
        return {"num_gpus": 1, "num_cpus": 1}, sum(gpus)
    threads = min(compute.threads or os.cpu_count() or 1, max(cpus))
    return {"num_cpus": threads}, sum(own // threads for own in cpus)


@contextmanager
def _told(ray: Any) -> Iterator[None]:
    """What work raised is raised here; what the cluster did is a BadInput."""
    try:
        yield
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError as error:
        cluster_head.check(head(ray))
        said = next(iter(str(error).splitlines()), repr(error))
        raise BadInput(
            f"compute.cluster: a process of it ended, and so did {AGAIN} more at the same work "
            f"({type(error).__name__}: {said}); where memory is short, start Ray with fewer CPUs "
            "(--num-cpus); then run it again"
        ) from error


class _Actor:
    def ready(self) -> None:
        """Once it has a place."""

    def do(self, *sent: Any) -> Any:
        """What the work makes of a batch."""
        return _do(*sent)


def _do(name: str, boxed: list[Any], folder: str, batch: Any) -> Any:
    """In a process of the cluster, which takes up its work once."""
    if name not in _unpacked:
        import ray

        os.chdir(folder)
        files.mark = f".{socket.gethostname()}.{os.getpid()}"
        _unpacked.clear()
        _unpacked[name] = ray.get(boxed[0])
    return _unpacked[name](batch)
