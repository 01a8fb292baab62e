"""Whether a cluster's head is there: asked before it is joined, and from then on.

Ray by itself tries for minutes to join, and for one to go on; then it ends the process.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable

from pipeline.runtime.files import BadInput

_EVERY = 2.0
"""Seconds between two questions."""
_LOST = 3
"""Questions in a row without an answer after which it is gone for good."""
_told = threading.Event()


def reach(address: str) -> None:
    """Raises OSError where nothing listens."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def check(head: str) -> None:
    """Raises BadInput where it is gone: it is why something else has failed."""
    try:
        reach(head)
    except OSError as error:
        _told.set()
        raise BadInput(_ended(head)) from error


def watch(head: str, joined: Callable[[], bool]) -> None:
    """While this process has `joined` it: ends it where the head is gone, with one message.

    Its main thread cannot: it waits within Ray, whatever it asked for, and be it at its end.
    """

    def ask() -> None:
        lost = 0
        while lost < _LOST:
            time.sleep(_EVERY)
            if not joined():
                return
            try:
                reach(head)
                lost = 0
            except OSError:
                lost += 1
        if not _told.is_set():
            print(f"error: {_ended(head)}", file=sys.stderr, flush=True)
        os._exit(1)

    threading.Thread(target=ask, daemon=True).start()


def _ended(head: str) -> str:
    return (
        f"compute.cluster: its head, {head}, has ended; start Ray again (ray start), then run it "
        "again: what is finished stays"
    )
