"""Fixtures that several test modules share."""

import os
from dataclasses import replace

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import torch
from hypothesis import settings

from pipeline.domain.pixels import Coding
from pipeline.domain.samples import Domain, Sample
from pipeline.domain.taxonomy import IGNORE
from pipeline.inference.pseudo import PseudoLabelled
from pipeline.runtime.compute import Compute
from pipeline.runtime.launch import launch
from pipeline.stages import evaluate
from tests import worlds
from tests.rounds import HEIGHT, WIDTH, without_label, write_labels

torch.set_num_threads(1)
settings.register_profile("segue", deadline=None)  # the first call compiles or reads a cache
settings.load_profile("segue")


def pytest_collection_modifyitems(items):
    """The project's tests take longest, a file in one process: begun last, all wait for them."""
    items.sort(key=lambda item: "tests/project/" not in item.nodeid)


@pytest.fixture(scope="session")
def fabric():
    return launch(Compute(accelerator="cpu", precision="32-true"))


@pytest.fixture
def scenes(tmp_path):
    """Writes a domain of coloured cells; class i of each has the same colour in all of them."""

    def write(n, classes=3, size=worlds.SIZE, seed=0, name="source"):
        rng = np.random.default_rng(seed)
        samples = []
        for index in range(n):
            image, ids = worlds.scene(rng, size, classes)
            paths = f"{name}/i/{index}.png", f"{name}/l/{index}.png"
            worlds.save(tmp_path / paths[0], image)
            worlds.save(tmp_path / paths[1], ids)
            row = (name, paths[0], "", size[1], size[0], paths[1], "")
            samples.append(Sample(*row))
        return Domain(samples, tmp_path, size, Coding({i: i for i in range(classes)}), 64)

    return write


@pytest.fixture
def target(scenes):
    return scenes(4, name="target")


@pytest.fixture
def pseudo(scenes, tmp_path):
    """Labels of five target images, of which three have a truth."""
    target = scenes(5, name="target")
    rng = np.random.default_rng(0)
    labels = {}
    for sample in target.samples:
        labels[sample.name] = rng.choice([0, 1, 2, IGNORE], (HEIGHT, WIDTH)).astype(np.uint8)
    labels[target.samples[1].name][:] = IGNORE
    folder = write_labels(tmp_path / "labels", labels)
    truth = replace(target, samples=[target.samples[i] for i in (4, 1, 2)])
    made = PseudoLabelled(without_label(target), folder, 3)
    return evaluate.PseudoLabels(made, truth), labels
