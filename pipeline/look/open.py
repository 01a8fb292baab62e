"""`make look`: the page in a browser, or with PORT=8000 served to this machine alone.

Run by its path: it needs nothing but Python.
"""

from __future__ import annotations

import socket
import sys
import webbrowser
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
INDEX = Path("reports/index.html")

_LARGEST = 65535


class _Quiet(SimpleHTTPRequestHandler):
    """Says nothing of what it serves."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - of its base
        """Nothing."""


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """Serves a folder to this machine alone. Raises OSError where the port is taken."""
    return ThreadingHTTPServer((HOST, port), partial(_Quiet, directory=str(folder)))


def _serve(port: str) -> None:
    if not port.isdecimal() or not 0 <= int(port) <= _LARGEST:
        sys.exit(f"PORT={port}: is no port; take a number such as 8000")
    try:
        serving = server(INDEX.parent, int(port))
    except OSError as error:
        sys.exit(f"PORT={port}: {error.strerror}; take another, such as {int(port) + 1}")
    with serving:
        real = serving.server_address[1]
        print(f"The page is at http://{HOST}:{real}/ until Ctrl-C, for this machine alone.")
        print("From another one, run this there and open the same address:")
        print(f"  ssh -L {real}:{HOST}:{real} {socket.gethostname()}", flush=True)
        try:
            serving.serve_forever()
        except KeyboardInterrupt:
            print()


def _open() -> None:
    address = INDEX.resolve().as_uri()
    print(address, flush=True)
    if not webbrowser.open(address):
        print("There is no browser here. Serve the page to one that is elsewhere:")
        print("  make look PORT=8000")
        print("or copy the folder reports/ to it, and open its index.html.")


def main() -> None:
    """The port to serve at, if there is one, is the only word."""
    if not INDEX.exists():
        sys.exit(f"There is no {INDEX} yet: make demo, or dvc repro")
    port = "".join(sys.argv[1:])
    if port:
        _serve(port)
    else:
        _open()


if __name__ == "__main__":
    main()
