"""A stage as a process group of DVC: its lines as they come, its state, its end."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

PATIENCE = 4.0
"""Seconds between SIGINT, SIGTERM and SIGKILL."""

_LONGEST = 10_000  # characters of a line; a stage may print anything
_SAID = (
    ("Stage '{}' didn't change, skipping", "Cached"),
    ("'{}' didn't change, skipping", "Cached"),
    ("Stage '{}' is cached - skipping run, checking out outputs", "Restored"),
    ("Pulling data for stage: '{}'", "Restored"),
    ("Running stage '{}'", "Completed"),
)
_NOISE = re.compile(
    r"\s*$|(Updating|Generating) lock file 'dvc\.lock'"
    r"|To track the changes with git, run:|\tgit add |\tdvc config core\.autostage"
    r"|To enable auto staging, run:|Use `dvc push` to send"
)
_STAGE_FAILED = re.compile("ERROR: failed to reproduce '.*': failed to run: ")


class Live:
    """The stages that run now. A class, because Prefect copies modules' other globals."""

    stages: ClassVar[set[subprocess.Popen[str]]] = set()
    guard: ClassVar[threading.Lock] = threading.Lock()
    stopping: ClassVar[bool] = False


@dataclass(frozen=True)
class Ended:
    """`state`: Cached, Restored, Completed, Failed or Stopped; `last`: the last telling line."""

    state: str
    last: str


def run(name: str, hear: Callable[[str], None], tick: Callable[[bool], None]) -> Ended:
    """`dvc repro` of this one stage, waiting where another process has DVC's lock.

    `hear` gets each line but DVC's advice; `tick`, called each second that is silent, whether
    the stage's command has begun.
    """
    process = _start(name)
    state, last = "", ""
    try:
        lines = _lines(process)
        while True:
            try:
                line = lines.get(timeout=1)
            except queue.Empty:
                tick(state == "Completed")
                continue
            if line is None:
                break
            if not _NOISE.match(line):
                state = state or _state(name, line)
                last = last if last and _STAGE_FAILED.match(line) else line[:_LONGEST]
                hear(line[:_LONGEST])
        code = process.wait()
    finally:
        Live.stages.discard(process)
    if code and Live.stopping:
        return Ended("Stopped", last)
    return Ended("Failed" if code else state or "Completed", last)


def _start(name: str) -> subprocess.Popen[str]:
    child = Path(__file__).with_name("child.py")
    # -P: the folder of child.py holds modules with common names
    dvc = [sys.executable, "-P", str(child), "dvc", "--wait-for-lock"]
    here = str(Path(sys.executable).parent)  # the stage's `python` is this one
    with Live.guard:
        if Live.stopping:
            raise InterruptedError("the flow is being stopped")
        process = subprocess.Popen(
            [*dvc, "repro", "--single-item", "--", name],
            env=os.environ
            | {
                "PATH": os.pathsep.join([here, os.environ.get("PATH", os.defpath)]),
                "PYTHONUNBUFFERED": "1",
                "DVC_NO_ANALYTICS": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        Live.stages.add(process)
    return process


def _lines(process: subprocess.Popen[str]) -> queue.Queue[str | None]:
    """Its lines, then None when it has ended, though what it left may still hold the pipe."""
    lines: queue.Queue[str | None] = queue.Queue()
    stdout = process.stdout
    assert stdout is not None

    def read() -> None:
        for line in stdout:
            lines.put(line.rstrip("\n"))

    def end() -> None:
        process.wait()
        reader.join(timeout=2)
        lines.put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    threading.Thread(target=end, daemon=True).start()
    return lines


def _state(name: str, line: str) -> str:
    return next((state for said, state in _SAID if line.startswith(said.format(name))), "")


def stop() -> None:
    """End all stages that run, with all that they started; no other starts. Some seconds."""
    with Live.guard:
        Live.stopping = True
        groups = {process.pid: process for process in Live.stages}
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        _signal(groups, sign)
        until = time.monotonic() + PATIENCE
        while any(_alive(process) for process in groups.values()) and time.monotonic() < until:
            time.sleep(0.05)
        groups = {pid: process for pid, process in groups.items() if _alive(process)}


def _signal(groups: dict[int, subprocess.Popen[str]], sign: signal.Signals) -> None:
    for group in groups:
        try:
            os.killpg(group, sign)
        except ProcessLookupError:
            continue


def _alive(process: subprocess.Popen[str]) -> bool:
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True
