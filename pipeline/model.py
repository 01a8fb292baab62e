"""A model is a recipe and its weights: enough to build the network again and to use it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pipeline import artifacts, parts
from pipeline.files import BadInput
from pipeline.params import read, section_of
from pipeline.taxonomy import Taxonomy, resolve
from pipeline.weights import check_finite, load_into, loaded


class Outputs(NamedTuple):
    """What a network returns for images (N, 3, H, W): maps on grids of its own strides."""

    logits: Tensor  # (N, C, h, w)
    aux: Tensor | None = None  # (N, C, h', w') of an auxiliary head
    features: Tensor | None = None  # (N, F, h', w') before the classifier
    both: tuple[Tensor, Tensor] | None = None  # of two classifiers, whose sum `logits` is


def torchvision_outputs(body: Any, x: Tensor) -> Outputs:
    """Outputs of a torchvision segmentation model, on its own grid: it would upsample them."""
    maps = body.backbone(x)
    aux = body.aux_classifier(maps["aux"]) if body.aux_classifier is not None else None
    return Outputs(body.classifier(maps["out"]), aux, maps["out"])


@dataclass(frozen=True)
class Normalisation:
    """(x * scale - mean) / std per channel, of RGB or BGR. It travels with the weights."""

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    scale: float = 1 / 255
    bgr: bool = False

    def __post_init__(self) -> None:
        if not (self.scale > 0 and min(self.std) > 0):
            raise ValueError("scale and std are greater than 0")


@dataclass(frozen=True)
class Recipe:
    """What a model is made of: a network by name, its options, its classes."""

    network: str
    taxonomy: Taxonomy
    options: Mapping[str, Any] = field(default_factory=dict)
    normalisation: Normalisation = field(default_factory=Normalisation)
    second: bool = False  # a second classifier on the same features, added to the first (CLAN)


class Model(nn.Module):
    """A network behind its normalisation: uint8 images (N, 3, H, W) RGB in, Outputs out."""

    mean: Tensor
    std: Tensor

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.network = _network(recipe)
        self.second = _classifier(_network(recipe), recipe.network) if recipe.second else None
        norm = recipe.normalisation
        for name in ("mean", "std"):
            value = torch.tensor(getattr(norm, name)).view(1, 3, 1, 1)
            self.register_buffer(name, value, persistent=False)

    def forward(self, images: Tensor) -> Outputs:
        """uint8 images (N, 3, H, W) RGB, or floats in the same range."""
        norm = self.recipe.normalisation
        x = images.flip(1) if norm.bgr else images
        x = (x.to(self.mean.dtype) * norm.scale - self.mean) / self.std
        outputs: Outputs = self.network(x.contiguous(memory_format=torch.channels_last))
        if self.second is None:
            return outputs
        both = outputs.logits, self.second(outputs.features)
        return outputs._replace(logits=both[0] + both[1], both=both)

    @property
    def heads(self) -> tuple[str, ...]:
        """Prefixes of the classifiers' parameters."""
        return ("second.", *(f"network.{name}" for name in getattr(self.network, "heads", ())))


def _network(recipe: Recipe) -> nn.Module:
    network: nn.Module = parts.build(
        "networks", recipe.network, recipe.options, classes=len(recipe.taxonomy)
    )
    return network


def _classifier(network: nn.Module, name: str) -> nn.Module:
    """What makes logits of the features: drawn with its network, as that draws it."""
    if (classifier := getattr(network, "classifier", None)) is None:
        raise BadInput(
            f"{name}: has no classifier of its features to stand a second one "
            "beside; choose another network"
        )
    found: nn.Module = classifier
    return found


def create(recipe: Recipe, seed: int, weights: Path | None = None) -> Model:
    """A new model, its weights drawn by `seed` (the caller's generator is left alone) or loaded.

    Networks of torchvision take its weights' names as an option of their own; `weights` is a
    file with a state dict, as torch.save wrote it, by the network's own names or by those that its
    `rename` knows. Raises BadInput on a mismatch.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Model(recipe)
    if weights is not None:
        load_into(model.network, weights)
    return model.to(memory_format=torch.channels_last)


def with_second(model: Model, seed: int) -> Model:
    """`model` with a second classifier, drawn by `seed`; itself if it has one."""
    if model.recipe.second:
        return model
    made = create(replace(model.recipe, second=True), seed)
    made.network.load_state_dict(model.network.state_dict())
    return made


@torch.no_grad()
def channels(model: Model) -> int:
    """Of the features that a model's outputs have; 0 if they have none."""
    training = model.training
    features = model.eval()(torch.zeros(1, 3, 64, 64, dtype=torch.uint8)).features
    model.train(training)
    return 0 if features is None else features.shape[1]


def save(path: Path, model: Model) -> None:
    """`{"recipe": ..., "weights": state_dict}`, the same bytes for the same weights.

    Raises BadInput, and writes nothing, where a weight is not finite.
    """
    weights = {key: value.detach().cpu() for key, value in model.state_dict().items()}
    check_finite(path, weights, "not written")
    sink = io.BytesIO()  # torch.save would write its file's name into the archive
    torch.save({"recipe": asdict(model.recipe), "weights": weights}, sink)
    artifacts.write_bytes(path, sink.getvalue())


def load(path: Path) -> Model:
    """A model as `save` wrote it, on the CPU, with finite weights. Raises BadInput naming it."""
    content = loaded(path)
    if not isinstance(content, dict) or not {"recipe", "weights"} <= content.keys():
        raise BadInput(
            f"{path}: is no model of this project (no recipe); train it, or load its "
            "weights by params.yaml's network.weights"
        )
    try:
        recipe = _recipe(content["recipe"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path}: its recipe cannot be read: {error!r}") from error
    try:
        model = create(recipe, seed=0)
    except BadInput as error:
        raise BadInput(f"{path}: its recipe cannot be followed: {error}") from error
    try:
        model.load_state_dict(content["weights"])
    except (AttributeError, RuntimeError, TypeError) as error:
        raise BadInput(f"{path}: its weights do not fit its recipe: {error}") from error
    check_finite(path, model.state_dict(), "of no use")
    return model


def of_task(path: Path) -> Model:
    """`load`, of the classes of params.yaml's task.

    It refuses and changes no result, so no stage tracks prepare.classes for it.
    """
    model, task = load(path), section_of(read(), "prepare").get("classes")
    names = resolve(task).names if task else model.recipe.taxonomy.names
    if model.recipe.taxonomy.names != names:
        raise BadInput(
            f"{path}: its {len(model.recipe.taxonomy)} classes "
            f"{', '.join(model.recipe.taxonomy.names[:3])}, ... are not the {len(names)} of "
            f"prepare.classes, {', '.join(names[:3])}, ...; train a model of these"
        )
    return model


def _recipe(given: Any) -> Recipe:
    """A recipe from what `dataclasses.asdict` made of it."""
    taxonomy = artifacts.taxonomy_of(given["taxonomy"])
    norm = Normalisation(**given["normalisation"])
    options = dict(given["options"])
    options.pop("pretrained", None)  # its weights follow: none need be downloaded again
    return Recipe(given["network"], taxonomy, options, norm, given.get("second", False))
