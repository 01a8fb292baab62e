"""Stages killed at random moments, again and again: the bytes of a run that was left alone."""

import random
import shutil
import signal
import time

import pytest

from tests import stages

KILLS = 6
CHANGES = {"warmup": {"compute": {"workers": 1}}}


def clear(folder):
    """What DVC removes before it runs a stage."""
    for name in stages.OUTPUTS:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def unfinished(folder):
    return [*folder.glob("unfinished/*/*/*/*")]


@pytest.mark.slow
@pytest.mark.parametrize("stage", stages.STAGES)
def test_a_stage_killed_at_random_moments_leaves_the_same_bytes(stage, scenes, tmp_path):
    stages.build(tmp_path, scenes, images=100, steps=16, **CHANGES.get(stage, {}))
    began = time.monotonic()
    code, told = stages.ended(stages.fork(stage, tmp_path), tmp_path)
    whole = time.monotonic() - began
    assert code == 0, told
    expected = stages.outputs(tmp_path)
    assert len(expected) > 1

    rng = random.Random(stage)
    kills = went_on = 0
    while kills < KILLS:
        clear(tmp_path)
        went_on += bool(unfinished(tmp_path))
        running = stages.fork(stage, tmp_path)
        running.join(rng.uniform(0, 0.7 * whole))
        running.kill()
        running.join()
        kills += running.exitcode == -signal.SIGKILL
        for name, content in stages.outputs(tmp_path).items():
            assert content == expected[name] or (
                name == "curve.csv" and expected[name].startswith(content)
            )
    clear(tmp_path)
    code, told = stages.ended(stages.fork(stage, tmp_path), tmp_path)
    assert code == 0, told
    assert stages.outputs(tmp_path) == expected
    assert not unfinished(tmp_path)
    assert not [*tmp_path.glob(".dvc/tmp/segue/*")]
    assert went_on >= 2, "no run had anything to go on from"
    print(f"{stage}: {kills} kills, {went_on} runs went on from what one had left")
