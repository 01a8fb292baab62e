"""Which Prefect server a flow uses, whatever the environment says of proxies and addresses."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pipeline.flow import server

DEAD = "http://127.0.0.1:9"


class Health(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"true")

    def log_message(self, *_):
        pass


@pytest.fixture
def port(monkeypatch):
    """Of something that answers as a Prefect server does."""
    for name in ("PREFECT_API_URL", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")  # put back in the end, whatever `find` does
        monkeypatch.delenv(name)
    with HTTPServer(("127.0.0.1", 0), Health) as answering:
        threading.Thread(target=answering.serve_forever, daemon=True).start()
        monkeypatch.setenv("PREFECT_SERVER_API_PORT", str(answering.server_port))
        yield answering.server_port
        answering.shutdown()


def test_the_server_of_make_ui_is_found_and_set(port):
    assert server.find()
    assert server.os.environ["PREFECT_API_URL"] == f"http://127.0.0.1:{port}/api"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_is_not_asked_for_this_machine(port, name, monkeypatch):
    monkeypatch.setenv(name, DEAD)
    monkeypatch.setenv("NO_PROXY", "example.org")
    assert server.find()
    assert server.os.environ["NO_PROXY"].split(",") == [
        "example.org", "127.0.0.1", "localhost", "::1"
    ]  # fmt: skip
    assert "127.0.0.1" in server.os.environ["no_proxy"]  # for Prefect's own client


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_address_is_none(port, empty, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", empty)
    assert server.find()
    assert server.os.environ["PREFECT_API_URL"].endswith(f":{port}/api")


def test_a_server_that_is_away_is_one_line(port, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", f"{DEAD}/api")
    with pytest.raises(
        server.Unreachable, match=r"PREFECT_API_URL = http://127\.0\.0\.1:9/api: no P"
    ):
        server.find()


def test_none_is_found_where_nothing_answers(port, monkeypatch):
    monkeypatch.setenv("PREFECT_SERVER_API_PORT", "9")
    assert not server.find()


def test_one_that_ends_as_it_starts_is_told(port, monkeypatch):
    monkeypatch.setattr(server.sys, "executable", "false")
    with pytest.raises(server.Unreachable, match="ended as it started"):
        server.start()
