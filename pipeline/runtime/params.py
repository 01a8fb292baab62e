"""A section of params.yaml as a stage's typed, validated Params."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
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
from pydantic_core import ErrorDetails, PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.runtime import contents, names
from pipeline.runtime.contents import overlay, section_of
from pipeline.runtime.files import BadInput

FILE = contents.FILE

TRANSLATED = Path("data/sources")
"""Below it the stage `translate` writes each translation, by its name."""

SHARED = ("seed", "network", "compute")
"""Top-level keys that a section takes where it sets none of its own."""


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
    """The whole file, with its names checked. Raises BadInput."""
    content = parse(path)
    names.check(content, path)
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

    A missing section counts as empty. A field of SHARED that no section sets takes the
    top-level key of its name. Raises BadInput that names file, key, value and reason.
    """
    content = read(path)
    merged: dict[str, Any] = {}
    for section in sections:
        merged = overlay(merged, section_of(content, section, path))
    for name in model.model_fields.keys() & {*SHARED} & content.keys() - merged.keys():
        merged[name] = content[name]
    return validate(model, merged, f"{path}: {sections[-1]}")


def validate(model: type[SectionT], values: Mapping[str, Any], where: str) -> SectionT:
    """`values` as `model`. Raises BadInput with one line for each wrong key."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise BadInput("\n".join(fault(e, where, values) for e in error.errors())) from error


def fault(error: ErrorDetails, where: str, given: Any, equals: str = " = ") -> str:
    """What is wrong with a key of what is `given` at `where`, in one line."""
    key = ".".join([where, *_keys(error, given)])
    if error["type"] == "missing":  # pydantic's input is what should have it
        return f"{key} is missing; add it"
    said = error["msg"].removeprefix("Value error, ")
    if error["type"] in ("dataclass_type", "dict_type", "model_type"):
        said = "Input should be a mapping, as {key: value}"
    return f"{key}{equals}{error['input']!r}: {said}"


def _keys(error: ErrorDetails, given: Any) -> Iterator[str]:
    """The way to it, without what pydantic calls the types that it tried; to what has a bad key."""
    way = error["loc"]
    way = way[:-2] if way[-1:] == ("[key]",) else way
    for place, key in enumerate(way, 1):
        if isinstance(given, Mapping):
            lacking = error["type"] == "missing" and place == len(way)
            if key in given or lacking:
                yield str(key)
                given = given.get(key)
        elif isinstance(given, list | tuple) and isinstance(key, int):
            yield str(key)
            given = given[key] if key < len(given) else None  # one that is missing


def root(domain: str, path: Path = FILE) -> Path:
    """Where the files of `target`, `val` or a source lie, by its name, or of a translation.

    A member of a translated mix has a folder of its own in the translation's (lineage.translated).

    No stage but the one that reads them tracks it: indices hold hashes of the files, so a moved
    folder of the same files changes nothing.
    """
    content = read(path)
    if domain.partition("/")[0] in section_of(content, "translations", path):
        return TRANSLATED / domain
    section = f"{'prepare' if domain in names.DOMAINS else 'source'}.{domain}"
    try:
        return Path(section_of(content, section, path)["root"])
    except (KeyError, TypeError) as error:
        raise BadInput(f"{path}: {section}.root is missing; name the folder") from error


def derived_seed(seed: int, name: str) -> int:
    """A seed of its own for each named round, so that rounds do not repeat each other's draws."""
    return zlib.crc32(f"{seed} {name}".encode())
