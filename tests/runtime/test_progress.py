"""Progress where there is a terminal, and where there is none."""

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.runtime import display, progress

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is moved on: `clock[0] += seconds`."""
    now = [1000.0]
    monkeypatch.setattr(display.time, "monotonic", lambda: now[0])
    return now


def lines(capsys):
    return capsys.readouterr().err.splitlines()


def run(shown, clock, steps, seconds, first=1):
    for step in range(first, steps + 1):
        clock[0] += seconds
        shown(step, f"source {step / 100:.2f}" if step % 10 == 0 else None)


def test_a_long_run_has_a_line_each_thirty_seconds(clock, capsys):
    run(display.Lines("round-1", 10_000, lambda: clock[0]), clock, 100, 3.0)
    told = lines(capsys)
    assert len(told) == 10
    assert told[0] == "round-1: 0 % (10 of 10000), 8 h 20 min left; source 0.10"
    assert told[-1] == "round-1: 1 % (100 of 10000), 8 h 15 min left; source 1.00"


def test_a_shorter_one_has_a_line_each_five_percent_and_one_at_the_end(clock, capsys):
    run(display.Lines("round-1", 200, lambda: clock[0]), clock, 200, 0.5)
    told = lines(capsys)
    assert [line.split(",")[0] for line in told] == [
        f"round-1: {share} % ({2 * share} of 200)" for share in range(5, 101, 5)
    ]
    assert told[0] == "round-1: 5 % (10 of 200), 95 s left; source 0.10"
    assert told[-1] == "round-1: 100 % (200 of 200), in 100 s; source 2.00"


def test_a_line_is_cut_where_it_would_wrap(clock, capsys):
    shown = display.Lines("round-1", 2, lambda: clock[0])
    shown(2, " ".join(f"term-{n} 0.5" for n in range(20)))
    told = lines(capsys)
    assert len(told) == 1
    assert len(told[0]) <= 100
    assert told[0].endswith(" …")


def test_one_of_a_moment_has_a_line(clock, capsys):
    run(display.Lines("check", 300, lambda: clock[0]), clock, 300, 0.001)
    assert lines(capsys) == ["check: 100 % (300 of 300), in 0 s; source 3.00"]


def test_a_run_that_goes_on_reckons_by_its_own_steps(clock, capsys):
    run(display.Lines("round-1", 200, lambda: clock[0]), clock, 110, 1.0, first=101)
    assert lines(capsys) == ["round-1: 55 % (110 of 200), 90 s left; source 1.10"]


def test_steps_that_take_longer_have_a_line_each(clock, capsys):
    run(display.Lines("infer", 1000, lambda: clock[0]), clock, 3, 45.0)
    assert len(lines(capsys)) == 3


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.2, "0 s"), (119.4, "119 s"), (600, "10 min"), (3600 * 4 - 15, "4 h 0 min"),
     (3600 * 2 + 61, "2 h 1 min"), (3600 * 76, "3 d 4 h")],
)  # fmt: skip
def test_a_duration_is_as_exact_as_an_estimate(seconds, told):
    assert display.duration(seconds) == told


def test_the_last_item_counts_though_nobody_asks_for_another(capsys):
    items = progress.track("abc", "infer", 3)
    assert [next(items) for _ in range(3)] == ["a", "b", "c"]
    assert lines(capsys) == ["infer: 100 % (3 of 3), in 0 s"]


def test_calls_count(capsys):
    with progress.counter("scores", 2) as step:
        step()
        step()
    assert lines(capsys) == ["scores: 100 % (2 of 2), in 0 s"]


def test_a_curve_tells_its_losses(tmp_path, capsys):
    with progress.curve(tmp_path / "c.csv", "round-1", 2, 1) as log:
        for step in range(2):
            log(step, {"lr": 0.1, "source": 1.25})
    assert lines(capsys) == ["round-1: 100 % (2 of 2), in 0 s; lr 0.1 source 1.25"]


BAR = """
from pipeline.runtime import progress
with progress.curve({path!r}, "round-1", 3, 1) as log:
    for step in range(3):
        log(step, {{"lr": 0.1, **{{f"a-term-of-a-long-name-{{n}}": 1.5 for n in range(9)}}}})
"""


def on_a_terminal(code, columns):
    """What a program writes to a terminal of so many columns."""
    leader, follower = pty.openpty()
    env = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": str(columns), "TERM": "xterm"}
    with subprocess.Popen([sys.executable, "-c", code], stderr=follower, env=env) as process:
        os.close(follower)
        found = io.BytesIO()
        while True:
            try:
                found.write(os.read(leader, 1 << 16))
            except OSError:  # the other side is closed
                break
    os.close(leader)
    assert process.returncode == 0
    return found.getvalue().decode()


def test_a_terminal_has_a_bar_on_one_line(tmp_path):
    code = BAR.format(path=tmp_path / "c.csv").replace("PosixPath", "__import__('pathlib').Path")
    shown = on_a_terminal(code, 100)
    assert "━" in shown
    assert "3/3" in shown
    assert "% (" not in shown
    assert "a-term-of-a-long-name-8" not in shown  # what has no room is cut off, not wrapped
