"""Domains that live in memory, and batches of them."""

import inspect
import tempfile
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from pipeline.domain.batches import Batch, Labelled
from pipeline.domain.mixing import Mixing
from pipeline.domain.samples import Sample
from pipeline.domain.taxonomy import IGNORE, resolve
from pipeline.domain.views import AugmentParams, Mask, Mix
from pipeline.model import model
from pipeline.model.outputs import Outputs
from pipeline.model.recipe import Recipe
from pipeline.runtime import parts
from pipeline.sections.training import Training
from pipeline.training.loop import Optimiser
from pipeline.training.objective import build_objective, fitted

CLASSES = 3
FEATURES = 8
CONTEXT = {  # what stages supply
    "classes": CLASSES, "k": torch.tensor([0.1, 0.5, 0.0]), "features": FEATURES, "sources": 2,
    "shares": torch.tensor([[0.2, 0.3, 0.5], [0.1, 0.9, 0.0], [0.6, 0.3, 0.1]]),
}  # fmt: skip
WIDTH, HEIGHT = 48, 32
PLAIN = AugmentParams(crop_width=WIDTH, crop_height=HEIGHT)
AUGMENT = PLAIN.model_copy(update={"scale": (0.7, 1.5), "colour": 0.3, "blur": 0.5})


class Memory:
    """Images whose pixels encode their labels: colour = 20 * (label + 1)."""

    def __init__(self, n, name="s", size=(HEIGHT, WIDTH), seed=0):
        rng = np.random.default_rng((seed, n))
        self.samples = [Sample(name, f"{name}/{i}.png", "", *size) for i in range(n)]
        cells = rng.integers(0, CLASSES, (n, 3, 4)).astype(np.uint8)
        self.labels = cells.repeat(-(-size[0] // 3), 1).repeat(-(-size[1] // 4), 2)
        self.labels = self.labels[:, : size[0], : size[1]]

    def __len__(self):
        return len(self.samples)

    def label(self, index):
        return self.labels[index]

    def image(self, index):
        return np.stack([20 * (self.labels[index] + 1)] * 3, -1).astype(np.uint8)


def recipe(width=4):
    return Recipe("small", resolve([f"class {i}" for i in range(CLASSES)]), {"width": width})


GIVEN = {"adda": {"least": 0.0}, "generate_to_adapt": {"width": 4}, "fcan": {"width": 8}}
"""Options of an objective whose network moves in every step, and whose modules are small."""


@cache
def reference():
    """The file of a model, for objectives that look at another one."""
    path = Path(tempfile.mkdtemp()) / "reference.pt"
    model.save(path, model.create(recipe(), 7))
    return str(path)


def objective(name, seed=0, context=CONTEXT, **options):
    """An objective with what it must be given."""
    asked = inspect.signature(parts.find("objectives", name)).parameters
    needed = [key for key, of in asked.items() if of.default is of.empty and key not in context]
    missing = {key: reference() for key in needed}
    return build_objective(name, missing | GIVEN.get(name, {}) | options, seed, **context)


def start(of, seed=0):
    """The model that an objective trains."""
    return begun(of, fitted(model.create(recipe(), seed), of, seed))


def begun(of, network, steps=10):
    """A network, of which an objective has made what it keeps beside it, as the loop does."""
    if hasattr(of, "begin"):
        of.begin(network, steps)
    return network


def params(**changes):
    given = {"batch": 2, "augment": AUGMENT, "optimiser": Optimiser(lr=5e-3)}
    both = given | changes
    return Training(
        **{k: v.model_dump() if isinstance(v, Optimiser) else v for k, v in both.items()}
    )


WINDOWS = [[0.0, 0, 1, 1], [1, 0.1, 0.2, 0.9], [-0.2, -0.1, 1.2, 1.1]]
"""The whole image, a flipped crop of it, and one that is padded all round."""


def padding(window, height=HEIGHT, width=WIDTH):
    """bool (height, width): the pixels of a crop, or cells of a grid, that lie beyond its image."""
    x0, y0, x1, y1 = window
    x = x0 + (x1 - x0) * (np.arange(width) + 0.5) / width
    y = y0 + (y1 - y0) * (np.arange(height) + 0.5) / height
    return ((y < 0) | (y > 1))[:, None] | ((x < 0) | (x > 1))


def labelled(of, windows):
    n = len(windows)
    images = torch.stack([torch.from_numpy(of.image(i)).permute(2, 0, 1) for i in range(n)])
    labels = torch.stack([torch.from_numpy(of.label(i)).long() for i in range(n)])
    labels[:, :3] = IGNORE
    labels[torch.from_numpy(np.stack([padding(window) for window in windows]))] = IGNORE
    logits = torch.randn(n, CLASSES, 4, 6, generator=torch.Generator().manual_seed(n)).half()
    names = [s.image for s in of.samples[:n]]
    return Labelled(images, labels, names, torch.tensor(windows), torch.zeros(n).long(), logits)


def batch(sides=("source", "target")):
    sources, targets, hards = (Memory(n + 3, seed=n) for n in range(3))
    two = WINDOWS[1:]
    mixed = "mixed" in sides  # which needs as many of both
    source = labelled(sources, WINDOWS if mixed else two)
    source = source._replace(origins=torch.arange(len(source.names)) % 2)  # of two
    whole = Batch(source, labelled(targets, WINDOWS), labelled(hards, two))
    if mixed:
        whole = Mixing(Mix(), Mask(size=8))(whole, 0, 0, range(len(WINDOWS)))
    return Batch(*(side if name in sides else None for name, side in whole._asdict().items()))


class TwoHeads(nn.Module):
    """Per-pixel heads, so that a batch of both sides equals two batches.

    `both`: they are two classifiers that are summed, as in CLAN, and not main and auxiliary;
    `shares`: the probabilities are, as in DCTN.
    """

    def __init__(self, both=False, stride=4, shares=None):
        super().__init__()
        self.both, self.stride = both, stride
        self.shares = None if shares is None else torch.tensor(shares)
        self.main, self.other = nn.Conv2d(3, CLASSES, 1), nn.Conv2d(3, CLASSES, 1)
        for head in (self.main, self.other):
            nn.init.normal_(head.weight, std=10)  # the images are dark, and the classes to differ
        self.seen = []

    def forward(self, images):
        self.seen.append(images)
        x = F.avg_pool2d(images.float() / 255, self.stride)
        main, other = self.main(x), self.other(x)
        features = torch.cat([x, x.square(), x[:, :2].sin()], 1)
        if self.shares is not None:
            each = torch.stack([main, other])
            mixed = (self.shares[:, None, None, None, None] * each.softmax(2)).sum(0)
            return Outputs(mixed.log(), None, features, (main, other))
        if self.both:
            return Outputs(main + other, None, features, (main, other))
        return Outputs(main, other, features)

    @property
    def network(self):
        """As a model holds one."""
        return SimpleNamespace(classifier=self.main)

    @property
    def second(self):
        """The other classifier."""
        return self.other
