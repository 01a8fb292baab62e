"""Prefect's server as the project sets it up, and flows against it, for the tests."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

from pipeline.flow.graph import here
from tests.dummies import NEEDS, ROOT, Dummies, environment, until


class Server:
    """Prefect's server with the project's settings, and what it knows, over its REST interface."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.page = f"http://127.0.0.1:{port}"
        self.url = f"{self.page}/api"
        self.env = environment(PREFECT_HOME=str(folder))
        shutil.copy(ROOT / "pyproject.toml", folder)
        command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
        quiet = subprocess.DEVNULL
        self.served = ""  # the deployment of the folder that serves
        self.process = subprocess.Popen(command, cwd=folder, env=self.env, stdout=quiet)
        self.env |= {"PREFECT_API_URL": self.url}
        until(self._healthy, 120)

    def _healthy(self) -> bool:
        try:
            return self("/health") is True
        except URLError:
            return False

    def __call__(self, path: str, body: Any = None) -> Any:
        """The answer; a body is posted, with a token against requests from other pages."""
        headers = {"Content-Type": "application/json"}
        if body is not None:
            token = self._ask("/csrf-token?client=test", None, headers)["token"]
            headers |= {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "test"}
        return self._ask(path, None if body is None else json.dumps(body).encode(), headers)

    def _ask(self, path: str, data: bytes | None, headers: dict[str, str]) -> Any:
        def answer() -> Any:
            try:
                asked = urllib.request.Request(self.url + path, data, headers)
                with urllib.request.urlopen(asked, timeout=30) as found:
                    return (json.load(found),)
            except HTTPError as error:
                if error.code != 503:  # its database is busy, and asks for patience
                    raise
                return ()

        return until(answer)[0]

    def state(self, run: str) -> str:
        return _named(self(f"/flow_runs/{run}"))

    def tasks(self, run: str, count: int = len(NEEDS)) -> dict[str, str]:
        """State by name; the server learns of them a moment after they end."""

        def read() -> dict[str, str]:
            found = {task["name"]: _named(task) for task in self.runs_of(run)}
            busy = {"Pending", "Running"} & {*found.values()}
            return found if len(found) == count and not busy else {}

        return until(read, 10)

    def runs_of(self, run: str) -> list[dict[str, Any]]:
        """The task runs of a flow's run."""
        found: list[dict[str, Any]] = self(
            "/task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}}
        )
        return found

    def needs(self, run: str) -> dict[str, set[str]]:
        """The edges that the UI draws."""
        nodes = dict(self(f"/flow_runs/{run}/graph-v2")["nodes"])
        name = {key: node["label"] for key, node in nodes.items()}
        return {name[k]: {name[p["id"]] for p in node["parents"]} for k, node in nodes.items()}

    def artifacts(self, run: str) -> dict[str, Any]:
        asked = {"artifacts": {"flow_run_id": {"any_": [run]}}}
        return {found["key"]: found for found in self("/artifacts/filter", asked)}

    def press_run(self, **parameters: Any) -> str:
        """What the Run button of the deployment asks for; the run's id."""
        deployment = self(f"/deployments/name/segue/{self.served}")["id"]
        asked = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return self(f"/deployments/{deployment}/create_flow_run", asked)["id"]

    def press_cancel(self, run: str) -> None:
        self(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})


def _named(run: Any) -> str:
    """The state of a run, which a busy server may know before it knows that."""
    return run["state"]["name"] if run["state"] else "Pending"


def start(server: Server, folder: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """`python -m pipeline.flow` with these arguments."""
    command = [sys.executable, "-m", "pipeline.flow", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    # nohup and a shell's & have it ignored, and what is started from there would ignore it too
    options.setdefault("preexec_fn", lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    return subprocess.Popen(command, cwd=folder, **{"env": server.env} | pipes | options)


def flow(server: Server, folder: Path, *arguments: str, code: int = 0) -> tuple[str, str]:
    """The run's id, and what it printed."""
    process = start(server, folder, *arguments)
    printed, _ = process.communicate(timeout=200)
    assert process.returncode == code, printed
    return re.findall(r"runs/flow-run/([0-9a-f-]{36})", printed)[0], printed


class Serving:
    """`make serve` in the folder of a pipeline, until it is left."""

    def __init__(self, server: Server, dummies: Dummies, **options: Any) -> None:
        self.server, self.dummies, self.options = server, dummies, options
        server.served = here(dummies.folder)

    def __enter__(self) -> subprocess.Popen[str]:
        asked = self.options | {"stdout": subprocess.DEVNULL}
        self.process = start(self.server, self.dummies.folder, "--serve", **asked)
        until(self._ready, 120)
        return self.process

    def _ready(self) -> bool:
        try:
            return self.server(f"/deployments/name/segue/{self.server.served}")["status"] == "READY"
        except HTTPError:
            return False

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)
