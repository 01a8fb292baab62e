"""How fast retrain draws its batches, beside the same loop on one batch in memory."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from itertools import repeat

import torch
from measuring import CLASSES, PRESET, SIZES, Rows, World, gaps
from PIL import Image

from pipeline.domain import batches, pictures
from pipeline.domain.augment import Augment
from pipeline.domain.draws import Draws
from pipeline.domain.pixels import Coding
from pipeline.domain.samples import Domain
from pipeline.domain.taxonomy import CITYSCAPES
from pipeline.model import model
from pipeline.model.recipe import Recipe
from pipeline.runtime import parts
from pipeline.runtime.launch import launch
from pipeline.runtime.params import load
from pipeline.stages import retrain
from pipeline.training import loop


def retraining(world: World) -> Rows:
    """Steps a second of retrain to those of the same loop on one batch in memory."""
    given = load(
        retrain.Params, "training", "retrain", "rounds.round-1.retrain", path=PRESET
    ).model_copy(update={"steps": 60})
    small = model.create(world.teacher.recipe, 0)
    yield from loaded("small network, 256x128", given, small, world.game, world.city)
    height, width = SIZES["512x1024"]
    large = [at_full_size(world, domain, 8) for domain in (world.game, world.city)]
    augment = given.augment.model_copy(update={"crop_width": width, "crop_height": height})
    given = given.model_copy(update={"steps": 5, "batch": 2, "augment": augment})
    recipe = Recipe("deeplabv3", CITYSCAPES, {})
    yield from loaded("DeepLabV3-ResNet-50, 512x1024", given, model.create(recipe, 0), *large)


def at_full_size(world: World, domain: Domain, count: int) -> Domain:
    """Images and labels of 512x1024 as files, none kept in memory."""
    height, width = SIZES["512x1024"]
    large = replace(domain, samples=domain.samples[:count], size=(width, height))
    samples = []
    root = world.folder / f"{domain.samples[0].domain}-large"
    for index, sample in enumerate(large.samples):
        pictures.write_image(root / f"{index}.png", Image.fromarray(large.image(index)))
        pictures.write_label(root / f"{index}l.png", large.label(index), CITYSCAPES.colours)
        samples.append(replace(sample, image=f"{index}.png", label=f"{index}l.png"))
    same_ids = Coding({**{i: i for i in range(CLASSES)}, 255: 255})
    return Domain(samples, root, (width, height), same_ids)


def loaded(
    what: str, given: retrain.Params, network: model.Model, source: Domain, target: Domain
) -> Rows:
    """With the loader, and without."""
    objective = parts.build("objectives", "self_training", given.options, k=torch.zeros(CLASSES))
    sides = batches.shares([source], target, given.batch, given.source_share)
    draws = Draws(sides, Augment(given.augment), given.seed)
    batch = draws[0]

    args = (network, objective)
    ratios, steps = [], []
    for _ in range(3):
        full = statistics.median(gaps(lambda log: loop.fit(
            *args, sides, given, given.steps, given.seed, launch(given.compute), log)))  # fmt: skip
        cached = statistics.median(gaps(lambda log: loop.train(
            *args, repeat(batch, given.steps), given.steps, given,
            launch(given.compute), log)))  # fmt: skip
        ratios.append(cached / full)
        steps.append(1 / full)
    yield f"{what}: steps a second", statistics.median(steps)
    yield f"{what}: retrain's steps a second to those on a cached batch", statistics.median(ratios)
    began = time.process_time()
    for step in range(8):
        draws[step]
    spent = (time.process_time() - began) / 8 / given.batch
    yield f"{what}: loader's CPU ms an image", 1000 * spent
