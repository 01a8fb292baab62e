"""A tiny task of three classes, and what stages find of it."""

from dataclasses import replace

import numpy as np
import torch

from pipeline.domain import pictures
from pipeline.domain.taxonomy import resolve
from pipeline.inference import predictions
from pipeline.inference.predictions import Prediction, Predictions
from pipeline.model import model
from pipeline.model.recipe import Recipe
from tests import worlds

THREE = resolve(["soil", "crop", "weed"])
WIDTH, HEIGHT = worlds.SIZE
TRAINING = {
    "batch": 2, "seed": 0, "steps": 2, "augment": {"crop_width": WIDTH, "crop_height": HEIGHT}
}  # fmt: skip


PRIOR = np.full((3, 2, 3), 1 / 3, np.float32)


def predictions_of(domain, folder, classes=3, seed=0):
    rng = np.random.default_rng(seed)

    def made():
        for sample in domain.samples:
            logits = rng.normal(0, 3, (classes, 6, 8)).astype(np.float16)
            logits[classes - 1] -= 30  # the last class is never predicted
            yield Prediction(sample.image, HEIGHT, WIDTH, logits)

    predictions.write(folder, predictions.files(len(domain)), made())
    return Predictions(folder)


def without_label(domain):
    samples = [replace(sample, label=None, label_hash=None) for sample in domain.samples]
    return replace(domain, samples=samples)


def write_labels(folder, labels):
    for name, label in labels.items():
        pictures.write_label(folder / f"{name}.png", label, THREE.colours)
    return folder


def small(seed=0):
    return model.create(Recipe("small", THREE, {"width": 4}), seed)


def equal(one, two):
    own, other = one.state_dict(), two.state_dict()
    return all(torch.equal(own[key], other[key]) for key in own)


def ignore_log(step, values):
    pass


def full(value):
    return np.full((HEIGHT, WIDTH), value, np.uint8)
