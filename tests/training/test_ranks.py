"""Two processes that share a run: as one process with the whole batch, and no writer but one."""

import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.distributed.run import parse_args

from pipeline.domain.taxonomy import IGNORE
from pipeline.domain.windows import WHOLE
from pipeline.runtime import parts
from pipeline.runtime.compute import Compute
from pipeline.runtime.launch import launch
from pipeline.runtime.ranks import averaged
from pipeline.training import loop, losses
from pipeline.training.adversarial import Level, Seen, judged
from pipeline.training.loop import Optimiser
from tests import memory, processes
from tests.memory import CLASSES, Memory, params

SGD = Optimiser(name="sgd", lr=0.05, momentum=0.0, weight_decay=0.0)
CPU = Compute(accelerator="cpu", precision="32-true", threads=1)
CASES = {
    **{name: {} for name in parts.names("objectives")},
    "self_training": {"regulariser": "mrkld"}, "self_training soft": {"soft_alpha": 0.25},
    "tpld dense": {"dense": True}, "minent prior": {"ratio": 1.0},
    "adda": {"dropout": 0.0}, "adda features": {"dropout": 0.0, "of": "features"},
    "generate_to_adapt": {"dropout": 0.0},
    "mdan hard": {"form": "hard", "adversarial": 0.5}, "mdan three": {"adversarial": 0.5},
    "moment_matching cells": {"samples": "cells", "moments": 0.5},
    "moment_matching classes": {"samples": "classes", "moments": 0.5},
    "moment_matching three": {"classifiers": True, "moments": 0.5},
    "madan classes": {"by_class": True, "adversarial": 0.5},
    "deep_cocktail three": {"sure": 0.4, "adversarial": 0.5}, "collaborative three": {},
}  # fmt: skip
"""Of three sources, four samples are a batch: each process lacks one of them."""
BATCH_NORM = nn.modules.batchnorm._BatchNorm


class Uneven(Memory):
    """Images of which some have three labelled pixels in four, some one in eight."""

    def label(self, index):
        label = self.labels[index].copy()
        label[: len(label) // 4 if index % 2 else 7 * len(label) // 8] = IGNORE
        return label


class Taught(Uneven):
    """With a teacher's logits."""

    @property
    def logits(self):
        rng = torch.Generator().manual_seed(0)
        shape = (len(self), CLASSES, 4, 6)
        return [SimpleNamespace(logits=grid.half().numpy(), window=WHOLE)
                for grid in torch.randn(shape, generator=rng)]  # fmt: skip


def still(objective):
    """The same with batch norm as in use: no image's result hangs on the others'."""
    losses = objective.losses

    def stilled(network, batch):
        for part in network.modules():
            if isinstance(part, BATCH_NORM):
                part.eval()
        yield from losses(network, batch)

    objective.losses = stilled
    return objective


def trained(case, frozen, steps=2):
    """All weights and buffers after some steps, by name, and the logged values."""
    fabric = launch(CPU)
    count = 3 if case.endswith("three") else 2
    context = memory.CONTEXT | {"sources": count}
    objective = memory.objective(case.split()[0], 0, context, **CASES[case])
    own = dict(objective.modules)
    made = memory.start(objective)
    target = Taught(6, "t", seed=1) if " " in case else Uneven(6, "t", seed=1)
    sources = [Uneven(5), Uneven(3, "x", seed=3), Uneven(2, "y", seed=4)][:count]
    memories = {"source": sources, "target": [target], "hard": [Uneven(4, "h", seed=2)]}
    asked = (*objective.sides, *getattr(objective, "optional", ()))
    sides = tuple((of, 4) if side in asked else None for side, of in memories.items())
    given = params(optimiser=SGD, discriminator=SGD)
    logged = []
    log = lambda _, values: logged.append(values)  # noqa: E731
    objective = still(objective) if frozen else objective
    loop.fit(made, objective, sides, given, steps, 0, fabric, log)
    found = {f"{key}.{name}": value for key, part in {"network": made, **own}.items()
             for name, value in part.state_dict().items()}  # fmt: skip
    return {key: value.clone() for key, value in found.items()}, logged


def _rank(rank, port, folder, work, arguments):
    """One of two processes, as torchrun starts them."""
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
        "GROUP_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": "test",
    }  # fmt: skip
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    work(rank, folder, *arguments)


def two(folder, work, *arguments):
    """The forks of both ranks."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = [processes.SERVER.Process(target=_rank, args=(rank, port, folder, work, arguments))
               for rank in range(2)]  # fmt: skip
    for process in running:
        process.start()
    return running


def both(folder, work, *arguments):
    running = two(folder, work, *arguments)
    for process in running:
        process.join(600)
    return [process.exitcode for process in running]


def _train(rank, folder, cases, frozen, local=False):
    if local:  # each process divides by its own pixels
        losses.averaged = lambda count: count
    torch.save({case: trained(case, frozen) for case in cases}, folder / f"{rank}.pt")


def loaded(folder):
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def test_two_processes_move_as_one_with_the_whole_batch(tmp_path):
    """With batch norm frozen, and other numbers of labelled pixels in each process."""
    cases = [case for case in CASES if case != "adapt_norm"]
    assert both(tmp_path, _train, cases, True) == [0, 0]
    one, other = loaded(tmp_path)
    for case in cases:
        alone, logged = trained(case, True)
        start = memory.start(memory.objective(case.split()[0])).state_dict()
        assert any(
            not torch.equal(start[key.removeprefix("network.")], value)
            for key, value in alone.items() if key.startswith("network.network.")
        )  # fmt: skip
        furthest = {"network": 0.0, "discriminator": 0.0}
        for key, value in alone.items():
            assert torch.equal(one[case][0][key], other[case][0][key]), (case, key)
            part = key.partition(".")[0].partition("_")[0]
            gap = (one[case][0][key] - value).abs().max().item()
            furthest[part] = max(furthest.get(part, 0.0), gap)
        print(f"{case}: {', '.join(f'{part} {gap:.1e}' for part, gap in furthest.items())}")
        # rounding decides on which side of a leaky ReLU's kink an activation of 0 lies
        assert furthest.pop("discriminator") < 1e-4, case
        assert max(furthest.values()) < 1e-6, case
        for step, values in enumerate(logged):
            assert one[case][1][step] == pytest.approx(values, rel=1e-5, abs=1e-6)


def test_means_of_each_processs_own_pixels_would_be_another_run(tmp_path):
    assert both(tmp_path, _train, ["source_only"], True, True) == [0, 0]
    found, alone = loaded(tmp_path)[0]["source_only"][0], trained("source_only", True)[0]
    furthest = max((found[key] - value).abs().max().item() for key, value in alone.items())
    print(f"source_only, each by its own pixels: {furthest:.1e}")
    assert furthest > 1e-4


def padded():
    """A discriminator's answers, and crops of which the second process's are padded more."""
    rng = torch.Generator().manual_seed(0)
    within = torch.rand(4, 8, 12, generator=rng) > torch.tensor([0.1, 0.8, 0.2, 0.9])[:, None, None]
    return Seen(3 * torch.randn(4, 1, 2, 3, generator=rng), within)


def _judge(rank, folder):
    launch(CPU)
    own = Seen(*(each[rank::2] for each in padded()))
    found = torch.stack(judged(nn.Identity(), own, 1.0))
    torch.save(averaged(found), folder / f"{rank}.pt")


def test_two_processes_judge_as_one_however_much_of_each_is_padding(tmp_path):
    assert both(tmp_path, _judge) == [0, 0]
    one, other = loaded(tmp_path)
    assert torch.equal(one, other)
    torch.testing.assert_close(one, torch.stack(judged(nn.Identity(), padded(), 1.0)))
    alone = [
        torch.stack(judged(nn.Identity(), Seen(*(each[rank::2] for each in padded())), 1.0))
        for rank in range(2)
    ]
    assert ((sum(alone) / 2 - one).abs() > 0.01).all()  # means of each one's own would not


def _wait(rank, folder):
    """The groups that adda moves, where the discriminator tells 9 and 5 cells in 10."""
    launch(CPU)
    told = Level.told
    accuracy = torch.tensor([0.9, 0.5][rank])
    Level.told = lambda level: told(level)._replace(seen={"accuracy": accuracy})
    objective = memory.objective("adda", least=0.65)
    groups = [loss.group for loss in objective.losses(memory.start(objective), memory.batch())]
    torch.save(groups, folder / f"{rank}.pt")


def test_two_processes_decide_alike_whether_addas_network_moves(tmp_path):
    assert both(tmp_path, _wait) == [0, 0]
    assert loaded(tmp_path) == [["discriminator", "network"]] * 2


def test_two_processes_hold_the_same_with_batch_norm_too(tmp_path):
    """Each sees its own part's statistics; running ones are the mean of both."""
    cases = ["adapt_norm", "advent", "tpld dense"]
    assert both(tmp_path, _train, cases, False) == [0, 0]
    one, other = loaded(tmp_path)
    for case in cases:
        assert all(torch.equal(one[case][0][key], value) for key, value in other[case][0].items())
    alone, _ = trained("adapt_norm", False)
    key = "network.network.stem.1.running_mean"  # before any batch norm, all images count alike
    torch.testing.assert_close(one["adapt_norm"][0][key], alone[key])


# --- as stages -----------------------------------------------------------------------------


def _run(rank, folder, stage):
    processes.in_place(stage, folder, told=f"told-{rank}")


def clear(folder):
    for path in (folder / "made.pt", folder / "curve.csv"):
        path.unlink(missing_ok=True)


def told(folder):
    return [(folder / f"told-{rank}").read_text() for rank in range(2)]


def test_two_processes_infer_the_same_folder(scenes, tmp_path):
    processes.build(tmp_path, scenes, images=70)
    assert both(tmp_path, _run, "infer") == [0, 0], told(tmp_path)
    shared = processes.outputs(tmp_path)
    assert sorted(shared) == [f"found/0000{n}.parquet" for n in range(3)]
    assert processes.ended(processes.fork("infer", tmp_path), tmp_path)[0] == 0
    assert processes.outputs(tmp_path) == shared


@pytest.mark.parametrize("stage", ["pretrain", "warmup", "retrain"])
def test_a_process_that_dies_ends_the_run_and_the_next_goes_on(stage, scenes, tmp_path):
    processes.build(tmp_path, scenes, steps=12)
    assert both(tmp_path, _run, stage) == [0, 0], told(tmp_path)
    expected = processes.outputs(tmp_path)
    assert sorted(expected) == ["curve.csv", "made.pt"]
    clear(tmp_path)

    running = two(tmp_path, _run, stage)
    while not [*tmp_path.glob("unfinished/*/*/*/training.pt")]:
        assert running[0].is_alive()
        time.sleep(0.005)
    running[1].kill()
    running[0].join(60)
    assert running[0].exitcode == 1
    assert "error: another process of this run has ended" in told(tmp_path)[0]
    assert "Traceback" not in told(tmp_path)[0]
    assert not (tmp_path / "made.pt").exists()

    clear(tmp_path)
    assert both(tmp_path, _run, stage) == [0, 0], told(tmp_path)
    assert processes.outputs(tmp_path) == expected


def test_infer_ends_where_its_other_process_dies(scenes, tmp_path):
    processes.build(tmp_path, scenes, images=70)
    running = two(tmp_path, _run, "infer")
    while not [*tmp_path.glob("unfinished/*/*/*")]:
        assert running[0].is_alive()
        time.sleep(0.005)
    running[1].kill()
    running[0].join(60)
    assert running[0].exitcode == 1
    assert "error: another process of this run has ended" in told(tmp_path)[0]
    assert processes.outputs(tmp_path) == {}
    assert both(tmp_path, _run, "infer") == [0, 0], told(tmp_path)
    assert len(processes.outputs(tmp_path)) == 3


@pytest.mark.parametrize("stage", processes.STAGES)
def test_torchrun_takes_no_word_of_a_stage_for_its_own(stage):
    """Python 3.11 refuses what could be short for two options of torchrun, such as --start."""
    given = parse_args(["-m", f"pipeline.stages.{stage}", *processes.words(stage)])
    assert given.training_script_args == processes.words(stage)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["torchrun", "devices"])
def test_launchers_end_with_their_processes(launcher, scenes, tmp_path):
    """torchrun, and compute.devices; a process that is killed ends the other."""
    words = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2",
             "--standalone") if launcher == "torchrun" else ()  # fmt: skip
    devices = 1 if launcher == "torchrun" else 2
    processes.build(tmp_path, scenes, steps=6, compute={"devices": devices})
    code, said = processes.run("warmup", tmp_path, *words)
    assert code == 0, said
    expected = processes.outputs(tmp_path)
    assert sorted(expected) == ["curve.csv", "made.pt"]

    processes.write_params(tmp_path, steps=100_000, compute={"devices": devices})
    running = processes.start("warmup", tmp_path, *words)
    while not [*tmp_path.glob("unfinished/*/*/*/training.pt")]:
        assert running.poll() is None
        time.sleep(0.05)
    ranks = of(tmp_path)
    assert len(ranks) == 2
    os.kill(max(ranks), signal.SIGKILL)
    said = running.communicate(timeout=120)[1]
    assert running.returncode != 0
    assert "another process of this run has ended" in said or "SIGKILL" in said
    assert of(tmp_path) == []


def of(folder):
    """The stage's processes in `folder`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_text().split("torch.distributed.run")[0]
            if (entry / "cwd").readlink() == folder and "pipeline.stages.warmup\0" in command:
                found.append(int(entry.name))
        except OSError:  # it has ended
            continue
    return found
