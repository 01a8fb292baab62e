"""A Ray cluster on this machine, with a token of its own, for the tests."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.dummies import until

ROOT = Path(__file__).parents[1]
SMALL = str(100 * 1024 * 1024)
_WORKING = re.compile(r"ray::(_do|_Actor|RayTrainWorker|TrainController)\b")
_STAGE = re.compile(r"pipeline\.stages\.(\w+( [\w-]+)?)")


class Cluster:
    """A head with so many CPUs, each a process that works; `env` is what its clients need."""

    def __init__(self, cpus: int, **settings: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        self.folder = Path(tempfile.mkdtemp(prefix="ray"))  # a socket's path must be short
        self.token = self.folder / "token"
        self.token.write_text("0123456789abcdef" * 4)
        self.env = {
            "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(self.token),
            "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "RAY_worker_niceness": "0",
        }  # fmt: skip
        command = [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
            *("--port", str(port), "--num-cpus", str(cpus), "--object-store-memory", SMALL),
            *("--temp-dir", str(self.folder / "ray"), "--include-dashboard", "false"),
            *("--node-ip-address", "127.0.0.1", "--disable-usage-stats"),
        ]
        self.said = self.folder / "said"
        with self.said.open("w") as said:
            self.process = subprocess.Popen(
                command, env={**os.environ, **self.env, **settings}, start_new_session=True,
                stdout=said, stderr=said,
            )  # fmt: skip
        until(self.started, 180)

    def started(self) -> bool:
        assert self.process.poll() is None, self.said.read_text()
        return "Ray runtime started" in self.said.read_text()

    def workers(self) -> list[int]:
        """The processes that have work of a stage now."""
        return [pid for pid, command in self.processes() if _WORKING.match(command)]

    def stage(self) -> str | None:
        """What runs there as a client, such as `infer round-1`."""
        found = (_STAGE.search(command) for _, command in self.processes())
        return next((one[1].strip() for one in found if one), None)

    def processes(self) -> list[tuple[int, str]]:
        """The cluster's own: id and command, by the folder that each was told of."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                env = (entry / "environ").read_bytes()
                if f"RAY_AUTH_TOKEN_PATH={self.token}".encode() in env:
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found.append((int(entry.name), command))
            except OSError:  # it has ended, or is another's
                continue
        return found

    def stop(self) -> None:
        """All of it; what does not end by itself is killed."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        for pid, _ in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def cluster(cpus: int, **settings: str) -> Iterator[Cluster]:
    """One that is stopped in the end."""
    made = Cluster(cpus, **settings)
    try:
        yield made
    finally:
        made.stop()
