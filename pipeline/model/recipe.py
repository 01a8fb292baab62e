"""What a model is made of, in words: enough to build its network again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.domain.taxonomy import Taxonomy, taxonomy_of


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


def wanted(modules: Iterable[object]) -> Normalisation:
    """That of a network's pretrained weights, where one of its modules has it; else ImageNet's."""
    known = (getattr(module, "normalisation", None) for module in modules)
    return next((norm for norm in known if norm is not None), Normalisation())


@dataclass(frozen=True)
class Recipe:
    """What a model is made of: a network by name, its options, its classes."""

    network: str
    taxonomy: Taxonomy
    options: Mapping[str, Any] = field(default_factory=dict)
    normalisation: Normalisation | None = None  # of a model: always there, if need be `wanted`
    second: bool = False  # a second classifier on the same features, added to the first (CLAN)
    mean: tuple[Recipe, Recipe] | None = None  # of two models' probabilities, and nothing else
    share: float = 0.5  # of the first of the two in their mean


def mean_of(one: Recipe, other: Recipe, share: float = 0.5) -> Recipe:
    """Of the mean of two models of the same classes, of which the first counts `share`."""
    return Recipe("mean", one.taxonomy, mean=(one, other), share=share)


def described(recipe: Recipe) -> dict[str, Any]:
    """What `_recipe` reads.

    Keys that say nothing are left out, so that files stay what they were before there were such.
    """
    if recipe.mean is not None:
        unlike = {} if recipe.share == Recipe.share else {"share": recipe.share}
        return {"mean": [described(part) for part in recipe.mean], **unlike}
    found = asdict(recipe)
    del found["mean"], found["share"]
    return found


def _recipe(given: Any) -> Recipe:
    """A recipe from what `described` made of it."""
    if "mean" in given:
        one, other = map(_recipe, given["mean"])
        share = float(given.get("share", Recipe.share))
        if not 0 < share < 1:
            raise ValueError(f"share {share}; it lies between 0 and 1")
        return mean_of(one, other, share)
    taxonomy = taxonomy_of(given["taxonomy"])
    norm = Normalisation(**given["normalisation"])
    options = dict(given["options"])
    options.pop("pretrained", None)  # its weights follow: none need be downloaded again
    return Recipe(given["network"], taxonomy, options, norm, given.get("second", False))
