"""Stages killed at random moments, again and again: the bytes of a run that was left alone."""

import random
import shutil
import signal
import time

import pytest

from tests import processes

PARTS = 6  # of a run's time, each with a kill
ENDS = 2  # kills after the last step, which takes too little time to be hit by chance
RUNS = 10 * (PARTS + ENDS)  # at most: some end before their kill
CHANGES = {"warmup": {"compute": {"workers": 1}}}


def clear(folder):
    """What DVC removes before it runs a stage."""
    for name in processes.OUTPUTS:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def run(stage, folder):
    """The seconds that a run takes that is left alone."""
    clear(folder)
    began = time.monotonic()
    code, told = processes.ended(processes.fork(stage, folder), folder)
    assert code == 0, told
    return time.monotonic() - began


def ends(folder, expected):
    """Whether all steps are done, or all predictions made: what is left is to put them in place."""
    if "curve.csv" not in expected:
        return (folder / "found").exists() or len(processes.unfinished(folder)) == len(expected)
    curve = folder / "curve.csv"
    return curve.is_file() and curve.stat().st_size == len(expected["curve.csv"])


def killed(stage, folder, expected, seconds, at_end):
    """Whether the stage was: after so many seconds, at its end so many after its last step."""
    clear(folder)
    running = processes.fork(stage, folder)
    while at_end and running.is_alive() and not ends(folder, expected):
        time.sleep(0.001)
    running.join(seconds)
    running.kill()
    running.join()
    told = folder / "told"
    said = told.read_text() if told.is_file() else ""
    assert running.exitcode in (0, -signal.SIGKILL), said
    assert "starts afresh" not in said
    for name, content in processes.outputs(folder).items():
        assert content == expected[name] or (
            name == "curve.csv" and expected[name].startswith(content)
        )
    return running.exitcode != 0


@pytest.mark.slow
@pytest.mark.parametrize("stage", processes.STAGES)
def test_a_stage_killed_at_random_moments_leaves_the_same_bytes(stage, scenes, tmp_path):
    processes.build(tmp_path, scenes, images=300, steps=40, **CHANGES.get(stage, {}))
    run(stage, tmp_path)
    expected = processes.outputs(tmp_path)
    assert len(expected) > 1
    whole = run(stage, tmp_path)  # the first one's time is also that of importing libraries
    assert processes.outputs(tmp_path) == expected

    rng = random.Random(stage)
    moments = [*range(PARTS), *[None] * ENDS]
    rng.shuffle(moments)
    end = 0.03  # seconds from the last step on
    kills = went_on = runs = 0
    while kills < len(moments):
        assert runs < RUNS, f"only {kills} kills in {runs} runs"
        runs += 1
        part, share = moments[kills], rng.random()
        seconds = share * end if part is None else (part + share) / PARTS * whole
        goes_on = bool(processes.unfinished(tmp_path))
        began = time.monotonic()
        if killed(stage, tmp_path, expected, seconds, part is None):
            kills += 1
        elif part is None:  # it ended before its kill
            end /= 2
        elif not goes_on:
            whole = min(whole, time.monotonic() - began)
        went_on += goes_on
    run(stage, tmp_path)
    assert processes.outputs(tmp_path) == expected
    assert not processes.unfinished(tmp_path)
    assert not [*tmp_path.glob(".dvc/tmp/segue/*")]
    assert processes.left(tmp_path) == []
    assert went_on >= 2, "no run had anything to go on from"
    print(f"{stage}: {kills} kills in {runs} runs, {went_on} went on from what one had left")
