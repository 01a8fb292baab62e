"""`prefect flow-run cancel` of a run that was started by hand: no worker watches such a run."""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

_EVERY = 2.0  # seconds
_SUPERVISED = "PREFECT__FLOW_RUN_ID"  # set where a runner or worker started this process


@contextmanager
def cancellable(cancel: Callable[[], None]) -> Iterator[None]:
    """Call `cancel`, in another thread, once the server says that this run is to be cancelled."""
    if _SUPERVISED in os.environ or "PREFECT_API_URL" not in os.environ:
        yield
        return
    done = threading.Event()
    run = UUID(str(flow_run.id))
    watch = contextvars.copy_context().run
    thread = threading.Thread(target=watch, args=(_watch, run, cancel, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()


def _watch(run: UUID, cancel: Callable[[], None], done: threading.Event) -> None:
    with get_client(sync_client=True) as client:
        while not done.wait(_EVERY):
            try:
                state = client.read_flow_run(run).state
            except Exception:  # a server that is away for a moment cancels nothing
                continue
            if state and (state.is_cancelling() or state.is_cancelled()):
                cancel()
                return
