"""Prefect's server: the one that runs, or one for the time of a run."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

_LOOPBACK = "127.0.0.1"
_START = 240.0  # seconds; a first start makes the database, on a busy machine in minutes


class Unreachable(Exception):
    """No server can be used; the message says which, why, and what to do."""


def find() -> bool:
    """Whether a server runs: PREFECT_API_URL's, or else the one of `make ui`, which is then set.

    To be called before Prefect is imported: it reads the variable then. Raises Unreachable where
    the variable names a server that does not answer.
    """
    _reach_loopback()
    named = os.environ.pop("PREFECT_API_URL", "").strip()  # empty, it would be Prefect's own server
    if named:
        os.environ["PREFECT_API_URL"] = named
        if not _healthy(named.rstrip("/")):
            raise Unreachable(
                f"PREFECT_API_URL = {named}: no Prefect server answers there; start it, or unset "
                "the variable: a run then brings a server of its own"
            )
        return True
    url = _url(int(os.environ.get("PREFECT_SERVER_API_PORT", "4200")))
    if _healthy(url):
        os.environ["PREFECT_API_URL"] = url
        return True
    return False


def _reach_loopback() -> None:
    """What listens on this machine is asked directly, by Prefect's client too, not by a proxy."""
    for name in ("NO_PROXY", "no_proxy"):
        found = [host for host in os.environ.get(name, "").split(",") if host.strip()]
        os.environ[name] = ",".join(dict.fromkeys([*found, _LOOPBACK, "localhost", "::1"]))


def start() -> None:
    """A server until this process ends, on a free port, with the same database as `make ui`.

    Prefect's own is in the terminal's process group: Ctrl-C would end it before the run. To be
    called before Prefect is imported, whose last words at exit are to be heard. Raises
    Unreachable if it does not start within some minutes, or ends.
    """
    with socket.socket() as free:
        free.bind((_LOOPBACK, 0))
        port = free.getsockname()[1]
    child = Path(__file__).with_name("child.py")
    command = [sys.executable, "-P", str(child), "prefect", "server", "start"]
    process = subprocess.Popen(
        [*command, "--host", _LOOPBACK, "--port", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    atexit.register(_end, process)
    _wait(process, _url(port))
    os.environ["PREFECT_API_URL"] = _url(port)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + _START
    while not _healthy(url):
        if process.poll() is not None:
            raise Unreachable("Prefect's server ended as it started; `make ui` says why")
        if time.monotonic() > until:
            raise Unreachable(
                f"Prefect's server did not answer within {_START:.0f} seconds; wait until the "
                "machine is less busy, or start it with `make ui` and run the flow beside it"
            )
        time.sleep(0.1)


def _url(port: int) -> str:
    return f"http://{_LOOPBACK}:{port}/api"


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
            return bool(answer.read().strip() == b"true")
    except OSError:
        return False
