"""The processes of a run: which stage each is, what memory it takes, which to kill."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil


@contextmanager
def server(folder: Path, env: dict[str, str]) -> Iterator[psutil.Process]:
    """`make ui`, which outlives all kills."""
    command = [sys.executable, "-m", "prefect", "server", "start"]
    with (folder / "server.log").open("w") as log:
        running = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 180
        while not healthy(env["PREFECT_SERVER_API_PORT"]):
            assert time.monotonic() < until, "Prefect's server does not start"
            time.sleep(0.5)
        yield psutil.Process(running.pid)
    finally:
        running.terminate()
        running.wait(30)


def healthy(port: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=5) as answer:
            return bool(answer.read().strip() == b"true")
    except OSError:
        return False


class Watched:
    """What the processes of a run take, by what they are."""

    def __init__(self) -> None:
        self.peaks: dict[str, int] = defaultdict(int)  # of each stage, bytes
        self.family: list[psutil.Process] = []

    def look(self, flow: psutil.Process) -> None:
        """The flow's processes as they are now."""
        with suppress(psutil.NoSuchProcess):
            self.family = [flow, *flow.children(recursive=True)]
        for process in self.family:
            with suppress(psutil.NoSuchProcess, FileNotFoundError, StopIteration):
                if name := stage_of(process):
                    self.peaks[name] = max(self.peaks[name], peak(process.pid))

    def victims(self, what: str) -> list[psutil.Process]:
        """Those to kill; none where nothing of the kind runs."""
        flow, *others = self.family
        if what == "everything":
            return self.family
        if what == "the flow":
            return [flow]
        wanted = (lambda p: " repro " in words(p)) if what == "DVC" else stage_of
        return [process for process in others if wanted(process)]


def words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def stage_of(process: psutil.Process) -> str:
    """`retrain@round-3`, or nothing for what is no stage."""
    found = re.search(r"python\S* -m pipeline\.stages\.(\w+)(?: ([a-z][\w-]*))?", words(process))
    return "@".join(filter(None, found.groups())) if found else ""


def peak(pid: int) -> int:
    """The most memory that a process has had, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
