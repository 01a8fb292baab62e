"""Pseudo-labels against float64 that sorts every score, and against unrounded logits."""

from __future__ import annotations

import numpy as np
from measuring import CLASSES, PORTION, SIZES, Rows, World
from others import Array, scores, sorted_k, upsampled, weighted

from pipeline.inference import confidence, labelling, predict
from pipeline.model.grids import resample


def exactness(world: World) -> Rows:
    """Lambda, pixels kept and labels against sorting everything in float64."""
    stored = world.predictions("512x1024", 32)
    plain = [stored[i].logits.astype(np.float32) for i in range(0, 32, 8)]
    yield from exact("a trained network", plain)
    sharp = sharpened(plain)
    yield from exact("60 % of road above 1 - 2^-16", sharp)


def sharpened(grids: list[Array]) -> list[Array]:
    """The same logits, road's raised where it is highest, by what makes 60 % of it that sure."""
    low, high = 0.0, 30.0
    for _ in range(12):
        middle = np.float32((low + high) / 2)
        raised = [grid.copy() for grid in grids]
        for grid in raised:
            grid[0] += middle * (grid.argmax(0) == 0)
        measured = [labelling.measure(grid, *SIZES["512x1024"]) for grid in raised]
        k = np.concatenate([m[1][m[0] == 0] for m in measured])
        low, high = (low, middle) if (k < 2.0**-16).mean() > 0.6 else (middle, high)  # noqa: PLR2004
    return raised


def exact(what: str, grids: list[Array]) -> Rows:
    """Rows of one set of logits."""
    height, width = SIZES["512x1024"]
    k, seen = confidence.thresholds(
        grids, lambda g: labelling.measure(g, height, width), np.arange(CLASSES), PORTION
    )
    maps = [upsampled(grid, height, width) for grid in grids]
    classes, values = (np.stack(found) for found in zip(*map(scores, maps), strict=True))
    reference = np.array([sorted_k(values[classes == c], PORTION) for c in range(CLASSES)])
    taken = reference > 0
    off = np.abs(np.expm1(reference[taken] - k[taken].astype(np.float64))).max()
    yield f"{what}: lambda, largest relative difference to float64", float(off)
    wrong = 0
    measured = [labelling.measure(grid, height, width) for grid in grids]
    for c in np.flatnonzero(taken):
        kept = sum(int((m[1][m[0] == c] <= k[c]).sum()) for m in measured)
        expected = int((values[classes == c] <= reference[c]).sum())
        ties = int((np.abs(values[classes == c] / reference[c] - 1) < 2.0**-20).sum())
        wrong += max(0, abs(kept - expected) - ties)
    yield f"{what}: pixels kept, difference to float64, ties aside", wrong
    labels = [labelling.weighted_argmax(grid, height, width, k).labels for grid in grids]
    own = np.where(k == labelling.NOTHING, 0, k).astype(np.float64)
    same = [(label == weighted(a, own)).mean() for label, a in zip(labels, maps, strict=True)]
    yield f"{what}: % of labels equal at the same lambda", 100 * float(np.mean(same))
    yield f"{what}: % of pixels kept", 100 * float(np.mean([(x != 255).mean() for x in labels]))  # noqa: PLR2004
    assert seen.predicted.sum() == height * width * len(grids)


def rounding(world: World) -> Rows:
    """Labels from stored logits against float32 ones, and against labels at full resolution."""
    height, width = SIZES["512x1024"]
    domain = world.sized("512x1024", 32)
    half, single, full = [], [], []
    for logits in world.logits(domain):
        small = resample(logits, (height // 8, width // 8))
        single.append((small - small.amax(1, keepdim=True))[0].numpy())
        half.append(predict.grid(logits, height, width, 8)[0][0].numpy().astype(np.float32))
        full.append(predict.labels(logits, height, width)[0].numpy())
    made = [labelled(grids, height, width) for grids in (half, single)]
    yield "512x1024: % of labels equal, float16 to float32", 100 * same(made[0], made[1])
    coarse = [labelling.measure(grid, height, width)[0] for grid in half]
    yield "512x1024: % of classes equal, stride 8 to full resolution", 100 * same(coarse, full)
    truths = [domain.label(index) for index in range(len(domain))]
    for what, found in (("stride 8", coarse), ("full resolution", full)):
        yield f"512x1024: % of pixels right, {what}", 100 * same(found, truths)


def labelled(grids: list[Array], height: int, width: int) -> list[Array]:
    """CBST's labels of a set."""
    k, _ = confidence.thresholds(
        grids, lambda g: labelling.measure(g, height, width), np.arange(CLASSES), PORTION
    )
    return [labelling.weighted_argmax(grid, height, width, k).labels for grid in grids]


def same(one: list[Array], other: list[Array]) -> float:
    """Share of equal pixels."""
    return float(np.mean([(a == b).mean() for a, b in zip(one, other, strict=True)]))
