"""The UI's Run and Cancel buttons: a deployment in a process work pool, and the pool's worker."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import cast

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.deployments.runner import RunnerDeployment
from prefect.types.entrypoint import EntrypointType
from prefect.workers.process import ProcessWorker

from pipeline.flow import alone, graph
from pipeline.flow.run import pipeline


def serve() -> None:
    """Run here, one after the other, what the UI asks for; until SIGINT or SIGTERM.

    What runs then is stopped. Raises DVC's NotDvcRepoError outside of its folders.
    """
    folder = graph.root()
    name = graph.here(folder)
    _deploy(folder, name)
    print(f"serves {folder} as the deployment segue/{name}: press Run on its page", flush=True)
    # asyncio takes SIGINT if it is Python's; processes started with & would ignore it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        asyncio.run(ProcessWorker(work_pool_name=name, name=name, limit=1).start())
    except KeyboardInterrupt:
        # the worker kills what it ran, which so cannot name itself
        with suppress(graph.Refused), alone.in_folder(folder):
            return


def _deploy(folder: Path, name: str) -> None:
    pool = WorkPoolCreate(
        name=name,
        type=ProcessWorker.type,
        base_job_template=ProcessWorker.get_default_base_job_template(),
    )
    with get_client(sync_client=True) as client:
        client.create_work_pool(pool, overwrite=True)
    # by its module: a flow of a file would be a second copy of what runs
    made = pipeline.to_deployment(
        name,
        entrypoint_type=EntrypointType.MODULE_PATH,
        work_pool_name=name,
        job_variables={
            "working_dir": str(folder),
            "command": shlex.join([sys.executable, "-m", "prefect.engine"]),
        },
    )
    cast(RunnerDeployment, made).apply()
