"""A model is a recipe and its weights: enough to build the network again and to use it."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.domain.taxonomy import resolve
from pipeline.model import classifiers
from pipeline.model.grids import averaged
from pipeline.model.outputs import Outputs, Over
from pipeline.model.recipe import Recipe, _recipe, described, mean_of, wanted
from pipeline.model.weights import check_finite, load_into, loaded
from pipeline.runtime import parts
from pipeline.runtime.contents import section_of
from pipeline.runtime.files import BadInput, write_bytes
from pipeline.runtime.params import read


class Model(nn.Module):
    """A network behind its normalisation: uint8 images (N, 3, H, W) RGB in, Outputs out."""

    mean: Tensor
    std: Tensor
    shares: Tensor  # of each classifier's probabilities in the sum, where there are several

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.network = _network(recipe)
        self.second = classifiers.of(_network(recipe), recipe.network) if recipe.second else None
        self.others = nn.ModuleList(classifiers.others(self.network, recipe))
        if self.others:
            count = 1 + len(self.others)
            self.register_buffer("shares", torch.full((count,), 1 / count))
        self.norm = recipe.normalisation or wanted(self.network.modules())
        self.recipe = replace(recipe, normalisation=self.norm)
        for name in ("mean", "std"):
            value = torch.tensor(getattr(self.norm, name)).view(1, 3, 1, 1)
            self.register_buffer(name, value, persistent=False)

    def forward(self, images: Tensor) -> Outputs:
        """uint8 images (N, 3, H, W) RGB, or floats in the same range."""
        x = images.flip(1) if self.norm.bgr else images
        x = (x.to(self.mean.dtype) * self.norm.scale - self.mean) / self.std
        x = x.contiguous(memory_format=torch.channels_last)
        outputs: Outputs = self.network(x)
        if self.second is not None:
            both = outputs.logits, self.second(outputs.features)
            return outputs._replace(logits=both[0] + both[1], each=both)
        if not self.others:
            return outputs
        whole = self.recipe.networks > 1
        others = [of(x).logits if whole else of(outputs.features) for of in self.others]
        each = outputs.logits, *others
        aux = None if whole else outputs.aux  # it would be the first network's alone
        logits = classifiers.weighted(each, self.shares)
        return outputs._replace(logits=logits, each=each, aux=aux)

    @property
    def heads(self) -> tuple[str, ...]:
        """Prefixes of the classifiers' parameters."""
        whole = ["network", *(f"others.{i}" for i in range(self.recipe.networks - 1))]
        own = (f"{of}.{name}" for of in whole for name in getattr(self.network, "heads", ()))
        beside = ("others.",) if self.recipe.classifiers > 1 else ()
        return ("second.", *beside, *own)


class Mean(Model):
    """Two models, whose mean probabilities are its own: ADVENT's AdvEnt + MinEnt (Vu et al., 2019).

    The first counts the recipe's `share`. Its logits are their logarithm, on the finer of the two
    grids. It is not trained.
    """

    def __init__(self, recipe: Recipe) -> None:
        nn.Module.__init__(self)
        assert recipe.mean is not None
        self.recipe = recipe
        self.one, self.other = map(_built, recipe.mean)

    def forward(self, images: Tensor) -> Outputs:
        """uint8 images (N, 3, H, W) RGB, or floats in the same range."""
        both = [part(images) for part in (self.one, self.other)]
        grids = [(found.logits.float(), found.over.logits) for found in both]
        shares = [self.recipe.share, 1 - self.recipe.share]
        if grids[1][0].shape[-2:].numel() > grids[0][0].shape[-2:].numel():
            grids, shares = grids[::-1], shares[::-1]
        logits, over = averaged(grids, shares if self.recipe.share != Recipe.share else None)
        return Outputs(logits, over=Over(over))


def _built(recipe: Recipe) -> Model:
    return Model(recipe) if recipe.mean is None else Mean(recipe)


def mean(one: Model, other: Model, share: float = Recipe.share) -> Model:
    """Of two models, the first of which counts `share`. Raises BadInput where classes differ."""
    names = [part.recipe.taxonomy.names for part in (one, other)]
    if names[0] != names[1]:
        raise BadInput(
            f"mean: one model has the {len(names[0])} classes {', '.join(names[0][:3])}, ..., the "
            f"other the {len(names[1])} {', '.join(names[1][:3])}, ...; name two of the same"
        )
    made = _built(mean_of(one.recipe, other.recipe, share))
    made.load_state_dict(
        {f"{name}.{key}": value for name, part in (("one", one), ("other", other))
         for key, value in part.state_dict().items()}
    )  # fmt: skip
    return made.to(memory_format=torch.channels_last)


def _network(recipe: Recipe) -> nn.Module:
    network: nn.Module = parts.build(
        "networks", recipe.network, recipe.options, classes=len(recipe.taxonomy)
    )
    return network


def create(recipe: Recipe, seed: int, weights: Path | None = None) -> Model:
    """A new model, its weights drawn by `seed` (the caller's generator is left alone) or loaded.

    Networks of torchvision take its weights' names as an option of their own; `weights` is a
    file with a state dict, as torch.save wrote it, by the network's own names or by those that its
    `rename` knows. Raises BadInput on a mismatch.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _built(recipe)
    if weights is not None:
        load_into(model.network, weights)
    return model.to(memory_format=torch.channels_last)


@torch.no_grad()
def channels(model: Model) -> int:
    """Of the features that a model's outputs have; 0 if they have none."""
    training = model.training
    images = torch.zeros(1, 3, 64, 64, dtype=torch.uint8, device=model.mean.device)
    features = model.eval()(images).features
    model.train(training)
    return 0 if features is None else features.shape[1]


def save(path: Path, model: Model, size: tuple[int, int] | None = None) -> None:
    """`{"recipe": ..., "weights": state_dict}`, the same bytes for the same weights.

    `size`: (width, height) of the images that it has just learned from; None: as it was. Raises
    BadInput, and writes nothing, where a weight is not finite.
    """
    weights = {key: value.detach().cpu() for key, value in model.state_dict().items()}
    check_finite(path, weights, "not written")
    sink = io.BytesIO()  # torch.save would write its file's name into the archive
    recipe = replace(model.recipe, size=size or model.recipe.size)
    torch.save({"recipe": described(recipe), "weights": weights}, sink)
    write_bytes(path, sink.getvalue())


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
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
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
