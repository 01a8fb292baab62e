"""One flow at a time in a folder; one whose process was killed does not stay Running for ever."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from pipeline.flow.graph import Refused

_LOCK = ".dvc/tmp/flow.lock"


@contextmanager
def in_folder(folder: Path, run: str = "") -> Iterator[None]:
    """Raises Refused while another flow runs in `folder`.

    The lock ends with the process that holds it. It has the id of the `run` in it until that has
    ended in order: the next one names a run that was killed Crashed.
    """
    path = folder / _LOCK
    path.parent.mkdir(exist_ok=True)  # a fresh clone has none
    with path.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"another flow runs in {folder}; wait for it, or stop it"
            raise Refused(message) from error
        file.seek(0)
        killed = file.read()
        if killed:
            crash(UUID(killed))
        path.write_text(run)
        try:
            yield
        finally:
            path.write_text("")


def crash(run: UUID) -> None:
    """Name a run and its tasks Crashed, where the server believes that they still run."""
    killed: State[None] = Crashed(message="Its process was killed.")
    with get_client(sync_client=True) as client:
        try:
            state = client.read_flow_run(run).state
        except ObjectNotFound:  # of another server, or deleted
            return
        if state is None or state.is_final():
            return
        client.set_flow_run_state(run, killed, force=True)
        of_run = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
        for task in client.read_task_runs(flow_run_filter=of_run):
            if task.state and not task.state.is_final():
                client.set_task_run_state(task.id, killed, force=True)
