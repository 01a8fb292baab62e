"""What gpu.py measures, a part each: of a network, in a process that does nothing else."""

from __future__ import annotations

import hashlib
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from gpu_given import CLASSES, FULL, Given
from measuring import gaps, wait
from torch.nn import functional as F

from pipeline.domain.augment import Augment
from pipeline.domain.draws import Draws
from pipeline.inference import predict
from pipeline.runtime import parts
from pipeline.runtime.launch import launch
from pipeline.sections.training import Training
from pipeline.stages import infer
from pipeline.training import loop


def step(given: Given) -> dict[str, Any]:
    """A training step with images from files, beside the same loop on a batch on the device."""
    params, sides = given.training(), given.sides()
    fabric = launch(params.compute)
    cached = fabric.to_device(Draws(sides, Augment(params.augment), 0)[0])
    network, objective = given.made(), given.objective()

    def on_one(log: Any) -> None:
        batch = [cached] * (given.steps + 5)
        loop.train(network, objective, batch, given.steps + 5, without(params), fabric, log)

    def from_files(log: Any) -> None:
        loop.fit(network, objective, sides, params, given.steps + 5, 0, fabric, log)

    one, files = gaps(on_one)[5:], gaps(from_files)[5:]
    found = {"cached_ms": 1000 * statistics.median(one), "ms": 1000 * statistics.mean(files)}
    return found | {"share": found["cached_ms"] / found["ms"], **watched(on_one, given.steps)}


def without(params: Training) -> Training:
    """A batch on the device is read by no other process."""
    return params.model_copy(update={"compute": params.compute.model_copy(update={"workers": 0})})


def watched(run: Callable[[Any], None], steps: int) -> dict[str, float]:
    """The share of the time in which the GPU computes, and how often a step waits for it."""
    if not torch.cuda.is_available():
        return {}
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        run(lambda *_: None)
        torch.cuda.set_sync_debug_mode("default")
    waits = sum("synchroniz" in str(w.message) for w in seen)
    kinds = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=kinds) as profile:
        began = time.perf_counter()
        run(lambda *_: None)
        wait()
        took = time.perf_counter() - began
    busy = sum(e.self_device_time_total for e in profile.key_averages()) / 1e6
    return {"busy": busy / took, "waits_a_step": waits / (steps + 5)}


def memory(given: Given) -> dict[str, Any]:
    """Peak bytes of a training step and of an image of 1024x2048; the largest batches."""
    if not torch.cuda.is_available():
        return {"failed": "no GPU"}
    peaks = {}
    for batch in (2, 4):
        own = replace(given, batch=batch)
        params, fabric = own.training(), launch(own.compute())
        made = [Draws(own.sides(), Augment(params.augment), 0)[0]] * 3
        torch.cuda.reset_peak_memory_stats()
        loop.train(own.made(), own.objective(), made, 3, params, fabric, lambda *_: None)
        peaks[batch] = torch.cuda.max_memory_reserved()
        torch.cuda.empty_cache()
    each = (peaks[4] - peaks[2]) / 2
    room = {gb: gb * 1e9 - 1e9 for gb in (24, 40, 80)}  # one is left to the driver
    largest = {f"batch_in_{gb}_gb": int((n - peaks[4]) // each + 4) for gb, n in room.items()}
    network = launch(given.compute()).setup_module(given.made()).eval()
    torch.cuda.reset_peak_memory_stats()
    predict.scores(network, torch.zeros(1, 3, *FULL, dtype=torch.uint8).cuda())
    image = torch.cuda.max_memory_allocated()
    return {"step_gb": peaks[4] / 1e9, **largest, "image_gb": image / 1e9}


def inference(given: Given) -> dict[str, Any]:
    """Images a second of `infer` at 1024x2048, beside the network alone on one on the device."""
    domain = given.domain("city", *FULL)
    domain = replace(domain, samples=domain.samples * 8)
    fabric, params = launch(given.compute()), infer.Params(batch=2, compute=given.compute())
    network = fabric.setup_module(given.made()).eval()
    images = fabric.to_device(torch.zeros(2, 3, *FULL, dtype=torch.uint8))

    def alone() -> None:
        with torch.inference_mode():
            network(images)

    for _ in range(3):
        alone()
    wait()
    began = time.perf_counter()
    for _ in range(32):
        alone()
    wait()
    bare = 64 / (time.perf_counter() - began)
    found = infer.run(params, given.made(), domain, fabric, [range(len(domain))])
    times = [time.perf_counter() for _ in found][8:]
    rate = (len(times) - 1) / (times[-1] - times[0])
    return {"bare_a_second": bare, "a_second": rate, "share": rate / bare}


def labels(_: Given) -> dict[str, Any]:
    """Pseudo-labels of 1024x2048 from a grid of stride 8: the fused pass, and torch on the device.

    Scores of each pixel, then labels by thresholds, as both passes over the images do.
    """
    rng = np.random.default_rng(0)
    grid = rng.normal(0, 3, (CLASSES, FULL[0] // 8, FULL[1] // 8)).astype(np.float32)
    k = np.full(CLASSES, 0.5, np.float32)
    labeler = parts.build("labelers", "cbst", {}, classes=CLASSES, portion=0.2,
                          prior=np.ones((CLASSES, 1, 1), np.float32))  # fmt: skip

    def fused() -> None:
        labeler.measure(grid, *FULL)
        labeler.label(grid, *FULL, k)

    def on_device() -> None:
        there = torch.from_numpy(grid.astype(np.float16))[None].to(place)
        for thresholds in (None, torch.from_numpy(k).to(place)):
            full = F.interpolate(there.float(), FULL, mode="bilinear", align_corners=False)
            best, classes = full.log_softmax(1).max(1)
            if thresholds is not None:
                classes[-best > thresholds[classes]] = 255
            classes.to(torch.uint8).cpu(), best.cpu()

    place = "cuda" if torch.cuda.is_available() else "cpu"
    took = {}
    for name, run in (("fused_ms_a_core", fused), ("device_ms", on_device)):
        times = []
        for _ in range(8):
            began = time.perf_counter()
            run()
            wait()
            times.append(time.perf_counter() - began)
        took[name] = 1000 * statistics.median(times)
    return took


def alike(given: Given) -> dict[str, Any]:
    """Whether two trainings of the same seed end with the same bytes."""
    found: dict[str, Any] = {}
    for exact in (False, True):
        torch.use_deterministic_algorithms(exact)
        prints, seconds = [], 0.0
        for _ in range(2):
            network, params = given.made(), given.training()
            began = time.perf_counter()
            fabric = launch(params.compute)
            loop.fit(network, given.objective(), given.sides(), params, given.steps, 0, fabric,
                     lambda *_: None)  # fmt: skip
            wait()
            seconds = time.perf_counter() - began
            state = [value.cpu().numpy().tobytes() for value in network.state_dict().values()]
            prints.append(hashlib.sha256(b"".join(state)).hexdigest())
        key = "deterministic" if exact else "usual"
        found |= {key: prints[0] == prints[1], f"{key}_seconds": seconds}
    return found


@dataclass(frozen=True)
class Part:
    """What is run, and whether it is run for each network, and for each number of workers."""

    run: Callable[[Given], dict[str, Any]]
    networks: bool = True
    workers: bool = False


PARTS = {
    "step": Part(step, workers=True),
    "inference": Part(inference, workers=True),
    "memory": Part(memory),
    "alike": Part(alike),
    "labels": Part(labels, networks=False),
}
