"""Translators that are trained, as small as they can be, on domains that live in memory."""

from pipeline.domain.augment import Augment
from pipeline.domain.draws import Draws
from pipeline.domain.taxonomy import IGNORE
from pipeline.domain.views import AugmentParams
from pipeline.model import model
from pipeline.runtime import parts
from pipeline.sections.train_translator import Params
from pipeline.training import fitting, loop
from tests.memory import CLASSES, Memory, recipe
from tests.rounds import ignore_log

NETWORKS = {"width": 4, "blocks": 1, "discriminator": 4, "layers": 1}
OPTIONS = {"cycada": {"perceptual": 0.1, "perceptual_cycle": 0.1}, "dupgan": {"sure": 0.3},
           "fastcut": {"patches": 16}}  # fmt: skip
NAMES = [n for n in parts.names("translators") if hasattr(parts.find("translators", n), "trained")]
CROP = AugmentParams(crop_width=18, crop_height=14)
SIZE = (24, 20)


class Uneven(Memory):
    """Of whose images some have three labelled pixels in four, some two."""

    def label(self, index):
        label = self.labels[index].copy()
        label[: len(label) // (4 if index % 2 else 2)] = IGNORE
        return label


class Unlabelled(Memory):
    """A target."""

    def label(self, index):
        return super().label(index) * 0 + IGNORE


SOURCES = 2


def sides(batch=2, sources=1):
    return (
        ([Uneven(3, size=SIZE), Uneven(2, "u", size=SIZE, seed=2)][:sources], batch),
        ([Unlabelled(4, "t", size=SIZE, seed=1)], batch),
    )


def members(name):
    """How many sources a translator is given."""
    return SOURCES if parts.find("translators", name).several else 1


def batch(name="cyclegan"):
    return Draws(sides(sources=members(name)), Augment(CROP), 0)[0]


def segmenter():
    return model.create(recipe(), 7)


def params(name, steps=2, **changes):
    """Of a translator with the options of the tests; all modules move, and quickly."""
    given = {"translator": name, "segmenter": "none", "seed": 0, "steps": steps, "batch": 2}
    given |= {"options": {"networks": NETWORKS} | OPTIONS.get(name, {}), "augment": CROP}
    return Params(**{**given, "log_every": 1, **changes})


def start(name, **changes):
    """A translator and its network; its models start as `segmenter`."""
    return fitting.start(params(name, **changes), CLASSES, segmenter(), members(name))


def train(name, fabric, log=ignore_log, steps=2, checkpoint=None, **changes):
    """Translator and network after some steps."""
    made, network = start(name, **changes)
    given = params(name, steps, **changes)
    both = sides(sources=members(name))
    loop.fit(network, made, both, given, steps, 0, fabric, log, (), checkpoint)
    return made, network
