"""What a training of params.yaml asks of its network, and the network does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from pipeline.runtime import parts
from pipeline.runtime.contents import Content, overlay, section_of
from pipeline.runtime.files import BadInput


def contradictions(content: Content) -> Iterator[str]:
    """One line for each setting that cannot be, or would do nothing, of any training."""
    for where, item, model in _trainings(content):
        found, network = list(_asked(where, item)), _network(content, model)
        if _classified(item) and not _classifies(network):
            yield (
                f"{where}.objective = {item['objective']}: needs a network whose classifier reads "
                f"its features, and {network['name']} has none; start from a model of another one"
            )
        if found and not _normalised(network):
            for setting, fix in found:
                yield f"{setting}: {network['name']} as it is has no batch norm; {fix}"
        elif item.get("frozen_norm"):
            for setting, fix in found:
                if ".options." in setting:
                    yield f"{setting}: frozen_norm = true keeps all statistics as they are; {fix}"


def _trainings(content: Content) -> Iterator[tuple[str, Content, Any]]:
    """Each training's keys, its merged section, and the model that it begins with."""
    training = section_of(content, "training")
    for name, item in section_of(content, "pretrain").items():
        yield f"pretrain.{name}", overlay(training, item or {}), name
    for name, item in section_of(content, "warmup").items():
        yield f"warmup.{name}", overlay(training, item or {}), (item or {}).get("from")
    under = overlay(training, section_of(content, "retrain"))
    for name, item in section_of(content, "rounds").items():
        own = section_of(content, f"rounds.{name}.retrain")
        yield f"rounds.{name}.retrain", overlay(under, own), (item or {}).get("start")


def _asked(where: str, item: Content) -> Iterator[tuple[str, str]]:
    """What a training asks of batch norm, and what to do where there is none."""
    options = item.get("options")
    options = options if isinstance(options, Mapping) else {}
    if item.get("frozen_norm"):
        yield f"{where}.frozen_norm = true", "set it to false"
    if item.get("objective") == "adapt_norm":
        yield f"{where}.objective = adapt_norm", "leave it out"
    if options.get("own_norm"):
        yield f"{where}.options.own_norm = true", "set it to false"
    if options.get("norm") == "own":
        yield f"{where}.options.norm = own", "set it to joint"
    if options.get("statistics") == "running":
        yield f"{where}.options.statistics = running", "set it to batch"


def _classified(item: Content) -> bool:
    """Whether an objective gives the model more classifiers: by `splits`, or the option named."""
    try:
        part, options = parts.find("objectives", item.get("objective") or ""), item.get("options")
    except BadInput:
        return False  # its stage says so
    splits = getattr(part, "splits", False)
    given = options if isinstance(options, Mapping) else {}
    return splits is True or given.get(splits) is True


def _network(content: Content, model: Any) -> Content:
    """The section `network` of the pretrained model that a model descends from."""
    pretrain, warmup, rounds = (
        section_of(content, name) for name in ("pretrain", "warmup", "rounds")
    )
    while model in warmup or model in rounds:  # each comes after the one that it names
        model = warmup[model].get("from") if model in warmup else rounds[model].get("start")
    own = (pretrain.get(model) or {}).get("network")
    found = own if isinstance(own, Mapping) else content.get("network")
    return found if isinstance(found, Mapping) else {}


def _normalised(network: Content) -> bool:
    """Whether it has batch norm."""
    built = _built(network)
    return built is None or any(
        isinstance(m, nn.modules.batchnorm._BatchNorm) for m in built.modules()
    )


def _classifies(network: Content) -> bool:
    """Whether a classifier of its features makes its logits."""
    built = _built(network)
    return built is None or hasattr(built, "classifier")


def _built(network: Content) -> nn.Module | None:
    """None if it cannot be built, which is its stage's to refuse."""
    try:
        options = network.get("options") or {}
        given = {key: value for key, value in options.items() if key != "pretrained"}
        with torch.device("meta"):  # shapes alone: nothing is drawn, and nothing downloaded
            found: nn.Module = parts.build("networks", str(network.get("name")), given, classes=2)
    except (AttributeError, BadInput, RuntimeError, TypeError, ValueError):
        return None
    return found
