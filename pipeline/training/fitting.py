"""How a translator is trained: by the one loop, from crops of the source and of the target."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from lightning_fabric import Fabric
from torch import nn

from pipeline.domain.samples import Domain
from pipeline.inference.pseudo import PseudoLabelled
from pipeline.model.model import Model
from pipeline.runtime import parts
from pipeline.runtime.files import BadInput
from pipeline.runtime.names import check_several
from pipeline.runtime.progress import Log
from pipeline.sections.train_translator import Params
from pipeline.training import loop
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.generators import Networks
from pipeline.training.trained import Floats, Trained


def start(
    params: Params, classes: int, segmenter: Model | None, sources: int = 1
) -> tuple[Trained, nn.Module]:
    """A translator with its modules, and the network that it trains, both drawn by the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(params.seed)
        given = {"classes": classes, "segmenter": segmenter, "sources": sources}
        made: Trained = parts.build("translators", params.translator, params.options, **given)
        return made, made.network()


def fit(
    params: Params,
    sources: Sequence[Domain],
    target: Domain,
    classes: int,
    segmenter: Model | None,
    fabric: Fabric,
    log: Log,
    checkpoint: Checkpoint | None = None,
) -> list[Floats]:
    """The row of a new generator after `params.steps` steps, or of one of each source.

    `sources` take turns. Raises BadInput for crops that are larger than images, or too small for
    the discriminator, and where one that has several sources has a single one, or too small a
    batch.
    """
    made, network = start(params, classes, segmenter, len(sources))
    if made.several:
        check_several(params.translator, len(sources), params.batch, 1.0)
    check_crops(params, made.networks, *sources, target)
    if made.matched:
        check_sizes(*sources, target)
    unlabelled = PseudoLabelled(target, None, classes)
    sides = (sources, params.batch), ([unlabelled], params.batch)
    seed = params.seed
    loop.fit(network, made, sides, params, params.steps, seed, fabric, log, (), checkpoint)
    return made.kept(network)


def check_sizes(*domains: Domain) -> None:
    """Raises BadInput where crops of one place would not show the same part of an image."""
    sizes = dict.fromkeys("{}x{}".format(*domain.size) for domain in domains)
    if len(sizes) > 1:
        raise BadInput(
            f"options.matched = true: images of {' and '.join(sizes)} have no places in common; "
            "give source and target one width and height, or set it to false"
        )


def check_crops(params: Params, networks: Networks, *domains: Domain) -> None:
    """Raises BadInput where padding would be learnt as a domain's look, and for tiny crops."""
    augment, least = params.augment, networks.smallest
    wide, high = augment.crop_width, augment.crop_height
    if min(wide, high) < least:
        raise BadInput(
            f"training.augment: a crop of {wide}x{high} is too small for a discriminator of "
            f"{networks.layers} layers; make both sides {least} or more"
        )
    for domain in domains:
        width, height = domain.size
        low = augment.scale[0]
        if wide > round(width * low) or high > round(height * low):
            raise BadInput(
                f"training.augment: a crop of {wide}x{high} is larger than images of "
                f"{width}x{height} at a scale of {low}, and padding would be learnt as their look; "
                "make crops smaller, or the scale larger"
            )
