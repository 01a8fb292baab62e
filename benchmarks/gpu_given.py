"""What the parts of gpu.py measure: networks, images in files, a round's training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networks
import numpy as np
import torch
from PIL import Image

from pipeline.domain import batches, pictures
from pipeline.domain.pixels import Coding
from pipeline.domain.samples import Domain, Sample
from pipeline.domain.taxonomy import CITYSCAPES
from pipeline.domain.views import AugmentParams
from pipeline.model import model
from pipeline.model.recipe import Recipe
from pipeline.runtime import parts
from pipeline.runtime.compute import Compute
from pipeline.sections.training import Training

CLASSES = len(CITYSCAPES)
FULL = (1024, 2048)  # height and width of Cityscapes
OTHERS = ("small", "deeplabv3plus resnet101", "deeplabv3plus lite0", "segformer b5")
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "deeplabv2 resnet101": ("deeplabv2", {"caffe": False}),
    **{name: networks.NETWORKS[name] for name in OTHERS},
}


@dataclass(frozen=True)
class Given:
    """Where files may lie, and what is asked for."""

    folder: Path
    network: str
    workers: int
    height: int
    width: int
    batch: int
    steps: int

    def made(self) -> model.Model:
        """The network, with weights drawn by a seed."""
        name, options = NETWORKS[self.network]
        return model.create(Recipe(name, CITYSCAPES, options), seed=0)

    def compute(self) -> Compute:
        """On the GPU if there is one."""
        return Compute(workers=self.workers)

    def training(self) -> Training:
        """Half of a batch from the source."""
        size = {"crop_width": self.width, "crop_height": self.height}
        augment = AugmentParams(**size, scale=(0.8, 1.4), colour=0.15)
        return Training(batch=self.batch, augment=augment, compute=self.compute())

    def domain(self, name: str, height: int, width: int) -> Domain:
        """Eight images and labels as files, read anew each time: smooth colours, and some noise."""
        root = self.folder / f"{name}-{height}"
        names = [f"{index}.png" for index in range(8)]
        if not root.exists():
            for index, file in enumerate(names):
                image, label = drawn(index, height, width)
                pictures.write_image(root / "i" / file, Image.fromarray(image))
                pictures.write_label(root / "l" / file, label, CITYSCAPES.colours)
        samples = [Sample(name, f"i/{f}", "", height, width, f"l/{f}", "") for f in names]
        coding = Coding({**{i: i for i in range(CLASSES)}, 255: 255})
        return Domain(samples, root, (width, height), coding, 0)

    def sides(self) -> batches.Sides:
        """A source and a target of the crops' size."""
        both = [self.domain(name, self.height, self.width) for name in ("source", "target")]
        return batches.shares([both[0]], both[1], self.batch, 0.5)

    def objective(self) -> Any:
        """A round's."""
        return parts.build("objectives", "self_training", {}, k=torch.zeros(CLASSES))


def drawn(seed: int, height: int, width: int) -> tuple[Any, Any]:
    """An image as hard to decode as a photograph (some 1.2 bytes a pixel), and its labels."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 32, width // 32, 3), np.uint8)
    smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    noise = rng.integers(-1, 2, (height, width, 3))
    image = np.clip(np.asarray(smooth).astype(int) + noise, 0, 255).astype(np.uint8)
    label = rng.integers(0, CLASSES, (height // 32, width // 32), np.uint8)
    return image, label.repeat(32, 0).repeat(32, 1)
