"""`make look`: in a browser, without one, and served to this machine alone."""

import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest

from pipeline.look import open as look

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    """A clone with a page, as far as `make look` sees it."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pipeline/look").mkdir(parents=True)
    shutil.copy(look.__file__, tmp_path / "pipeline/look/open.py")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/index.html").write_text("the page")
    return tmp_path


def started(folder, *words, **env):
    own = {key: value for key, value in os.environ.items() if key not in {"DISPLAY", "BROWSER"}}
    return subprocess.Popen(["make", "--no-print-directory", "look", *words], cwd=folder,
                            env=own | env, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip


def said(folder, *words, **env):
    with started(folder, *words, **env) as process:
        text = process.communicate()[0]
    return process.returncode, text


def test_a_browser_is_given_the_page(folder):
    (folder / "browser").write_text('#!/bin/sh\necho "$1" > asked\n')
    (folder / "browser").chmod(0o755)
    code, told = said(folder, BROWSER=str(folder / "browser"))
    address = (folder / "reports/index.html").as_uri()
    assert (code, told) == (0, f"{address}\n")
    assert (folder / "asked").read_text() == f"{address}\n"


def test_without_a_browser_it_says_so_and_what_to_do(folder):
    code, told = said(folder, BROWSER="false")
    assert code == 0
    assert "There is no browser here" in told
    assert "make look PORT=8000" in told


def test_the_page_is_served_to_this_machine_alone(folder):
    with started(folder, "PORT=0") as process:
        try:
            first = process.stdout.readline()
            address = re.search(r"http://127\.0\.0\.1:(\d+)/", first)
            assert f"ssh -L {address[1]}:127.0.0.1:{address[1]}" in "".join(
                process.stdout.readline() for _ in range(2)
            )
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(address[0], timeout=10) as answer:
                assert answer.read() == b"the page"
        finally:
            os.killpg(process.pid, signal.SIGTERM)


@pytest.mark.parametrize("port", ["http", "99999", "-1"])
def test_a_port_that_is_none_is_refused(folder, port):
    code, told = said(folder, f"PORT={port}")
    assert code != 0
    assert f"PORT={port}: is no port" in told


def test_a_port_that_is_taken_is_named(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, told = said(folder, f"PORT={port}")
    assert code != 0
    assert f"PORT={port}: Address already in use; take another" in told


def test_before_there_is_a_page_it_says_how_to_make_it(folder):
    (folder / "reports/index.html").unlink()
    code, told = said(folder)
    assert code != 0
    assert "There is no reports/index.html yet: make demo, or dvc repro" in told


def test_the_server_listens_on_loopback(folder):
    with look.server(folder / "reports", 0) as server:
        assert server.server_address[0] == "127.0.0.1"
