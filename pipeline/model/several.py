"""A model with the classifiers that an objective asks for, beside its own."""

from __future__ import annotations

from dataclasses import replace

from pipeline.model.classifiers import of
from pipeline.model.model import Model, create
from pipeline.runtime.files import BadInput


def with_second(model: Model, seed: int) -> Model:
    """`model` with a second classifier, drawn by `seed`; itself if it has one."""
    if model.recipe.second:
        return model
    _check_single(model)
    made = create(replace(model.recipe, second=True), seed)
    made.network.load_state_dict(model.network.state_dict())
    return made


def with_others(model: Model, classifiers: int = 1, networks: int = 1) -> Model:
    """`model` with so many `classifiers` or `networks`, copies of its own.

    Until they are trained it says what `model` does. Raises BadInput for one that has several: it
    does not know which source each is of.
    """
    _check_single(model)
    wanted = replace(model.recipe, classifiers=classifiers, networks=networks)
    made = create(wanted, 0)
    made.network.load_state_dict(model.network.state_dict())
    own = made.network if wanted.networks > 1 else of(made.network, wanted.network)
    for other in made.others:
        other.load_state_dict(own.state_dict())
    return made


def _check_single(model: Model) -> None:
    recipe = model.recipe
    if recipe.second or max(recipe.classifiers, recipe.networks) > 1:
        raise BadInput(
            "warmup: the model that it starts from has several classifiers, and does not know "
            "which source each is of; start from one with its own alone"
        )
