"""A part is found by its file name: `pipeline/labelers/cbst.py` is the labeler `cbst`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, WrapValidator

from pipeline.runtime.files import BadInput
from pipeline.runtime.params import Section, exact, fault

ROOMS = {
    "datasets": "Dataset",
    "networks": "Network",
    "objectives": "Objective",
    "labelers": "Labeler",
    "rankers": "Ranker",
    "translators": "Translator",
}
"""Each room, and the name of the one class that a file in it defines."""

Width = Annotated[int, Field(ge=1, le=65536)]
"""An option: channels of a layer."""

Weight = Annotated[float, Field(ge=0)]
"""An option: what a term counts. Less than 0 would maximise what is to be minimised."""

_FINITE = ConfigDict(allow_inf_nan=False)


def names(room: str) -> list[str]:
    """The parts of a room, sorted."""
    package = importlib.import_module(f"pipeline.{room}")
    return sorted(info.name for info in pkgutil.iter_modules(package.__path__))


def find(room: str, name: str) -> Any:
    """The class of a part. Raises BadInput that lists the room's parts for any other name."""
    if name not in (choices := names(room)):
        raise BadInput(f"no {name!r} among the {room}; choose {', '.join(choices)}")
    return getattr(importlib.import_module(f"pipeline.{room}.{name}"), ROOMS[room])


def build(room: str, name: str, options: Mapping[str, Any], **context: Any) -> Any:
    """A part made of the user's `options` and the `context` that its stage supplies.

    Options are checked against the class's signature, names and types; what a part's signature
    does not ask for of the context is left out. Raises BadInput that names the option.
    """
    part = find(room, name)
    checked = check_options(room, name, options, *context)
    asked = inspect.signature(part).parameters
    return part(**checked, **{key: context[key] for key in context if key in asked})


def check_options(
    room: str, name: str, options: Mapping[str, Any], *context: str
) -> dict[str, Any]:
    """`options` as the part's types; `context` names what its stage supplies.

    Raises BadInput with a line for each option that is unknown, missing or of a wrong type; or with
    what a part's `contradiction`, if it has one, says of all its options together.
    """
    part = find(room, name)
    signature = inspect.signature(part, eval_str=True).parameters
    allowed = {key: asked for key, asked in signature.items() if key not in context}
    checked, problems = {}, []
    for key, value in options.items():
        if key not in allowed:
            problems.append(f"no option '{key}'; it has {', '.join(allowed) or 'none'}")
            continue
        try:
            asked_for = allowed[key].annotation
            kind: Any = Annotated[asked_for, WrapValidator(exact)]
            own = inspect.isclass(asked_for) and issubclass(asked_for, Section)
            adapter = TypeAdapter[Any](kind, config=None if own else _FINITE)
            checked[key] = adapter.validate_python(value)
        except ValidationError as error:
            problems.append(fault(error.errors()[0], f"option {key}", value, "="))
    for key, asked in allowed.items():
        if key not in options and asked.default is inspect.Parameter.empty:
            problems.append(f"option {key} is missing; it must be given")
    if not problems and hasattr(part, "contradiction"):
        defaults = {key: asked.default for key, asked in allowed.items()}
        problems += filter(None, [part.contradiction(**{**defaults, **checked})])
    if problems:
        raise BadInput("\n".join(f"{room}/{name}: {problem}" for problem in problems))
    return checked
