"""Options of parts: what the types of all of them have in common."""

import inspect
import types
from typing import Annotated, Union, get_args, get_origin

import pytest

from pipeline.runtime import parts
from pipeline.runtime.files import BadInput

SUPPLIED = ("classes", "k", "shares", "features", "sources", "portion", "prior", "root")


def numeric(kind):
    """Whether an option may be a number, and is no choice among some."""
    if get_origin(kind) is Annotated:
        return numeric(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return any(numeric(each) for each in get_args(kind))
    return kind in (int, float)


def numbers():
    for room in parts.ROOMS:
        for name in parts.names(room):
            asked = inspect.signature(parts.find(room, name), eval_str=True).parameters
            for key, option in asked.items():
                if key not in SUPPLIED and numeric(option.annotation):
                    yield room, name, key


NUMBERS = [*numbers()]


@pytest.mark.parametrize(("room", "name", "key"), NUMBERS)
def test_a_number_below_zero_is_refused_by_the_name_of_its_option(room, name, key):
    for value in (-1, -1e-3):
        with pytest.raises(BadInput, match=rf"{room}/{name}: option {key}={value}: Input should"):
            parts.check_options(room, name, {key: value, "pretrained": "x"}, *SUPPLIED)


def test_the_contract_sees_the_weights():
    found = {(name, key) for _, name, key in NUMBERS}
    assert found >= {
        ("advent", "adversarial"), ("advent", "ratio"), ("self_training", "weight"),
        ("road", "rows"), ("clan", "preheat"), ("tpld", "own"), ("segformer", "drop_path"),
    }  # fmt: skip


@pytest.mark.parametrize(("name", "key"), [
    ("minent", "entropy"), ("advent", "adversarial"), ("self_training", "target"),
])  # fmt: skip
def test_a_weight_of_zero_switches_a_term_off(name, key):
    assert parts.check_options("objectives", name, {key: 0}, *SUPPLIED) == {key: 0}
