"""The automation of docs/prefect.md, run as it stands there: a failed run posts a line."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.dummies import ROOT, Dummies, until
from tests.flows import Server, flow

pytestmark = pytest.mark.flow


@pytest.fixture
def posted():
    """The address of a listener, and what was posted to it."""
    found: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    listening = HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_address[1]}/", found
    listening.shutdown()


def test_the_automation_of_the_docs_posts_a_line_of_a_failed_run(tmp_path, posted):
    address, found = posted
    (script,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/prefect.md").read_text(), re.S)
    script, count = re.subn(r'ADDRESS = ".*"', f'ADDRESS = "{address}"', script)
    assert count == 1
    (tmp_path / "prefect").mkdir()
    server = Server(tmp_path / "prefect")
    try:
        subprocess.run([sys.executable, "-c", script], env=server.env, check=True, timeout=120)
        dummies = Dummies((tmp_path / "dummies").resolve())
        dummies.write("broken", "other")
        flow(server, dummies.folder, "source")
        flow(server, dummies.folder, "other", code=1)
        until(lambda: found, 60)
        assert found == ["other: Failed. other failed; 1 Failed. The next run does only the rest."]
    finally:
        server.process.terminate()
        server.process.wait()
