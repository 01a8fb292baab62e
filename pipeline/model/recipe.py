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

    @property
    def colour(self) -> tuple[int, int, int]:
        """RGB of which it makes 0, or as near as whole numbers are."""
        red, green, blue = (min(255, max(0, round(mean / self.scale))) for mean in self.mean)
        return (blue, green, red) if self.bgr else (red, green, blue)


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
    classifiers: int = 1  # on the same features, one of each source: a weighted sum (DCTN)
    networks: int = 1  # whole ones instead, one of each source
    mean: tuple[Recipe, Recipe] | None = None  # of two models' probabilities, and nothing else
    size: tuple[int, int] | None = None  # (width, height) of the images it last learned from
    share: float = 0.5  # of the first of the two in their mean


SEVERAL = ("classifiers", "networks")
"""What a model may have of each source."""


def mean_of(one: Recipe, other: Recipe, share: float = 0.5) -> Recipe:
    """Of the mean of two models of the same classes, of which the first counts `share`."""
    size = one.size or other.size
    return Recipe("mean", one.taxonomy, mean=(one, other), share=share, size=size)


def described(recipe: Recipe) -> dict[str, Any]:
    """What `_recipe` reads. Keys of few models are theirs alone: others' files stay the same."""
    if recipe.mean is not None:
        unlike = {} if recipe.share == Recipe.share else {"share": recipe.share}
        return {"mean": [described(part) for part in recipe.mean], **unlike}
    found = asdict(recipe)
    usual = {key: getattr(Recipe, key) for key in ("mean", "share", "size", *SEVERAL)}
    return {key: value for key, value in found.items() if value != usual.get(key, ...)}


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
    size, second = _size(given.get("size")), given.get("second", False)
    several = {key: given[key] for key in SEVERAL if key in given}
    return Recipe(given["network"], taxonomy, options, norm, second, size=size, **several)


def _size(given: Any) -> tuple[int, int] | None:
    """Files of before models had a size have none. Raises ValueError for what is none."""
    if given is None:
        return None
    width, height = map(int, given)
    if min(width, height) < 1:
        raise ValueError(f"a size of {width}x{height}")
    return width, height
