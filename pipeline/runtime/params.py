"""A section of params.yaml as a stage's typed, validated Params."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic_core import PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.runtime import names
from pipeline.runtime.files import BadInput

FILE = Path("params.yaml")


def exact(given: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """What pydantic makes of `given`, but no number of a text, and none of true or false.

    What compares params of several stages reads them as they stand.
    """
    found = handler(given)
    _same_kind(given, found)
    return found


def _same_kind(given: Any, found: Any) -> None:
    if isinstance(found, Mapping) and isinstance(given, Mapping):
        given, found = [*given.values()], [*found.values()]
    if isinstance(found, list | tuple):
        for one, other in zip(given, found, strict=True):
            _same_kind(one, other)
    elif isinstance(found, bool) != isinstance(given, bool):
        kind = "true or false" if isinstance(found, bool) else "a number"
        raise PydanticCustomError("kind", f"Input should be {kind}")
    elif isinstance(found, int | float) and isinstance(given, str):
        raise PydanticCustomError("kind", "Input should be a number, not text; take off its quotes")


class Section(BaseModel):
    """The base of every Params: unknown keys, NaN and infinity are refused; nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="wrap")
    @classmethod
    def _exact(cls, given: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        return exact(given, handler)


Seed = Annotated[int, Field(ge=0, lt=1 << 63)]

SectionT = TypeVar("SectionT", bound=Section)


def read(path: Path = FILE) -> dict[str, Any]:
    """The whole file, with its rounds checked. Raises BadInput."""
    content = parse(path)
    check_rounds(content, path)
    return content


def parse(path: Path) -> dict[str, Any]:
    """The whole file, whatever its sections hold. Raises BadInput for what is no YAML mapping."""
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8-sig"))
    except (OSError, RecursionError, ValueError, YAMLError) as error:  # ValueError: of a value
        raise BadInput(f"{path}: cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise BadInput(f"{path}: holds no sections")
    return content


def load(model: type[SectionT], *sections: str, path: Path = FILE) -> SectionT:
    """`sections` (dotted, "rounds.round-1.infer") laid over one another, as `model`.

    A missing section counts as empty. A field that no section sets takes the top-level key of its
    name (`seed`, `network`, `compute`). Raises BadInput that names file, key, value and reason.
    """
    content = read(path)
    merged: dict[str, Any] = {}
    for section in sections:
        merged = overlay(merged, section_of(content, section, path))
    for name in model.model_fields.keys() & content.keys() - merged.keys():
        merged[name] = content[name]
    return validate(model, merged, f"{path}: {sections[-1]}")


def validate(model: type[SectionT], values: Mapping[str, Any], where: str) -> SectionT:
    """`values` as `model`. Raises BadInput with one line for each wrong key."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = [
            f"{where}.{'.'.join(map(str, e['loc']))} = {e['input']!r}: {e['msg']}"
            for e in error.errors()
        ]
        raise BadInput("\n".join(lines)) from error


def overlay(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` on top of `under`, mapping by mapping."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = overlay(below, value) if both else value  # type: ignore[arg-type]
    return merged


def section_of(content: Mapping[str, Any], section: str, path: Path = FILE) -> Mapping[str, Any]:
    """`section` (dotted), empty where it is missing. Raises BadInput where it is no mapping."""
    found = content
    for key in section.split("."):
        value = found.get(key)
        if not isinstance(value, Mapping | None):
            raise BadInput(f"{path}: {section} must be a mapping, not {value!r}")
        found = value or {}
    return found


MODELS = ("pretrain", "warmup", "mean", "rounds")
"""Sections that name models, in the order in which they may build on each other."""

_ROLES = {"warmup": ("from",), "mean": ("one", "other"), "rounds": ("teacher", "start")}


def check_rounds(content: Mapping[str, Any], path: Path) -> None:
    """Names fit files and occur once; every round's teacher and start come before it."""
    models: list[str] = []
    for section in ("generate", *MODELS):
        for name, item in section_of(content, section, path).items():
            where = f"{path}: {section}.{name}"
            names.check(name, where)
            if not isinstance(item, Mapping | None):
                raise BadInput(f"{where} must be a mapping, not {item!r}")
            if section == "generate":
                continue
            if name in models:
                raise BadInput(f"{where}: another model has this name; choose a new one")
            for role in _ROLES.get(section, ()):
                if (given := (item or {}).get(role)) not in models:
                    raise BadInput(
                        f"{where}.{role} = {given!r}: no model of that name comes before it; "
                        f"choose {', '.join(models) or 'none yet: pretrain has none'}"
                    )
            models.append(name)
    _check_starts(content, path)


def _check_starts(content: Mapping[str, Any], path: Path) -> None:
    for name, item in section_of(content, "rounds", path).items():
        if (start := item["start"]) in section_of(content, "mean", path):
            raise BadInput(
                f"{path}: rounds.{name}.start = {start!r}: is a mean of two models, which cannot "
                "be trained; start from one of them, and name the mean as teacher"
            )


def root(role: str, path: Path = FILE) -> Path:
    """Where the files of `source`, `target` or `val` lie: `prepare.<role>.root`.

    No stage but prepare tracks it: indices hold hashes of the files, so a moved folder of the
    same files changes nothing.
    """
    try:
        return Path(section_of(read(path), f"prepare.{role}", path)["root"])
    except (KeyError, TypeError) as error:
        raise BadInput(f"{path}: prepare.{role}.root is missing; name the folder") from error


def derived_seed(seed: int, name: str) -> int:
    """A seed of its own for each named round, so that rounds do not repeat each other's draws."""
    return zlib.crc32(f"{seed} {name}".encode())


def ancestry(content: Mapping[str, Any], name: str) -> list[str]:
    """A round and the rounds it descends from by its teachers, the oldest first."""
    rounds = content.get("rounds") or {}
    chain: list[str] = []
    while name in rounds:
        chain.append(name)
        name = rounds[name]["teacher"]
    return chain[::-1]
