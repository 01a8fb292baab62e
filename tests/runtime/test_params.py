"""params.yaml: sections as typed Params, and errors that name file, key and value."""

import pytest
from pydantic import Field, model_validator
from ruamel.yaml import YAML

from pipeline.runtime import names, params
from pipeline.runtime.contents import overlay
from pipeline.runtime.files import BadInput
from pipeline.runtime.names import ancestry
from pipeline.runtime.params import Section, load, read

ROUNDS = {
    "pretrain": {"source": {"steps": 4}, "long": {"steps": 8}},
    "warmup": {"advent": {"from": "source"}},
    "mean": {"both": {"one": "advent", "other": "source"}},
    "rounds": {
        "round-1": {"teacher": "advent", "start": "source", "infer": {}},
        "round-2": {"teacher": "round-1", "start": "source", "infer": {"stride": 4}},
        "other": {"teacher": "source", "start": "long"},
    },
}


class Inner(Section):
    depth: int = 3


class Example(Section):
    stride: int = Field(default=8, ge=1)
    name: str
    inner: Inner = Inner()
    seed: int = 0


@pytest.fixture
def file(tmp_path):
    """Writes content (or text) as a params file and returns its path."""

    def write(content):
        path = tmp_path / "params.yaml"
        if isinstance(content, str):
            path.write_text(content)
        else:
            YAML().dump(content, path)  # keeps the order
        return path

    return write


def refusal(path, *sections, model=Example):
    with pytest.raises(BadInput) as error:
        load(model, *sections, path=path)
    return str(error.value)


# --- reading and overlaying ----------------------------------------------------------------


def test_sections_are_laid_over_one_another(file):
    path = file(
        {
            "infer": {"name": "x", "stride": 4, "inner": {"depth": 5}},
            "rounds": {"r1": {"teacher": "s", "start": "s", "infer": {"stride": 2}}},
            "pretrain": {"s": {}},
        }
    )
    assert load(Example, "infer", path=path).stride == 4
    loaded = load(Example, "infer", "rounds.r1.infer", path=path)
    assert (loaded.name, loaded.stride, loaded.inner.depth) == ("x", 2, 5)


@pytest.mark.parametrize("empty", [None, {}])
def test_missing_and_empty_sections_are_empty(empty, file):
    path = file({"infer": {"name": "x"}, "more": empty})
    assert load(Example, "infer", "more", "nothing.of.this", path=path).stride == 8


def test_a_field_that_no_section_sets_is_taken_from_the_top(file):
    path = file({"seed": 7, "infer": {"name": "x"}, "other": {"name": "x", "seed": 8}})
    assert load(Example, "infer", path=path).seed == 7
    assert load(Example, "other", path=path).seed == 8


def test_overlay_merges_mappings_and_replaces_all_else():
    under = {"a": {"x": 1, "y": 2}, "b": [1, 2], "c": 3}
    over = {"a": {"y": 9}, "b": [5], "d": {"z": 1}}
    assert overlay(under, over) == {"a": {"x": 1, "y": 9}, "b": [5], "c": 3, "d": {"z": 1}}
    assert overlay(under, {"a": None})["a"] is None
    assert under == {"a": {"x": 1, "y": 2}, "b": [1, 2], "c": 3}


def test_params_do_not_change(file):
    loaded = load(Example, "infer", path=file({"infer": {"name": "x"}}))
    with pytest.raises(ValueError, match="frozen"):
        loaded.stride = 3


# --- errors --------------------------------------------------------------------------------


def test_every_wrong_key_has_a_line_with_file_key_value_and_reason(file):
    path = file({"infer": {"name": "x", "stride": 0, "inner": {"depth": "deep"}, "sride": 4}})
    lines = refusal(path, "infer").splitlines()
    assert len(lines) == 3
    assert f"{path}: infer.stride = 0: Input should be greater than or equal to 1" in lines
    assert any(line.startswith(f"{path}: infer.inner.depth = 'deep': ") for line in lines)
    assert any(line.startswith(f"{path}: infer.sride = 4: Extra") for line in lines)


def test_a_missing_key_is_named(file):
    path = file({"infer": {"stride": 2}})
    assert refusal(path, "infer") == f"{path}: infer.name is missing; add it"


def test_what_is_wrong_with_a_whole_section_is_told_of_its_name(file):
    class Whole(Example):
        @model_validator(mode="after")
        def _fit(self):
            raise ValueError("does not fit")

    path = file({"infer": {"name": "x"}})
    told = refusal(path, "infer", model=Whole)
    assert told.startswith(f"{path}: infer = {{'name': 'x'}}: does not fit")


class Either(Section):
    """A key of several types."""

    given: list[int] | dict[str, int] = Field(default=[])


@pytest.mark.parametrize(
    ("given", "key"), [(5, "given"), ([1, "x"], "given.1"), ({"a": "x"}, "given.a")]
)
def test_where_several_types_fit_keys_are_the_files_own(given, key, file):
    path = file({"infer": {"given": given}})
    keys = [line.split(" = ")[0] for line in refusal(path, "infer", model=Either).splitlines()]
    assert f"{path}: infer.{key}" in keys
    assert {*keys} <= {f"{path}: infer.given", f"{path}: infer.{key}"}


def test_errors_name_the_section_that_is_on_top(file):
    path = file({"infer": {"name": "x"}, "over": {"stride": -1}})
    assert f"{path}: over.stride = -1" in refusal(path, "infer", "over")


@pytest.mark.parametrize("value", [[1, 2], "much", 5])
def test_a_section_must_be_a_mapping(value, file):
    path = file({"infer": value})
    assert f"{path}: infer must be a mapping, not {value!r}" in refusal(path, "infer")


@pytest.mark.parametrize(
    "text", ["a: [1, 2", "a: 1\na: 2", "- a\n- b", "just words", ""],
    ids=["broken", "key twice", "list", "words", "empty"],
)  # fmt: skip
def test_files_that_hold_no_sections_are_refused(text, file):
    path = file(text)
    with pytest.raises(BadInput, match=r"cannot be read|holds no sections") as error:
        read(path)
    assert str(path) in str(error.value)


def test_a_file_is_parsed_whatever_its_rounds_say(file):
    path = file({"warmup": {"a b": 3}})
    assert params.parse(path) == {"warmup": {"a b": 3}}
    with pytest.raises(BadInput):
        read(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"none\.yaml: cannot be read"):
        read(tmp_path / "none.yaml")


def test_params_yaml_of_the_working_folder_is_the_default(file, monkeypatch):
    path = file({"infer": {"name": "x"}})
    monkeypatch.chdir(path.parent)
    assert load(Example, "infer").name == "x"


# --- rounds --------------------------------------------------------------------------------


def changed(section, name, **values):
    content = {key: dict(items) for key, items in ROUNDS.items()}
    content[section][name] = {**content[section].get(name, {}), **values}
    return content


def test_rounds_that_fit_pass(file):
    assert read(file(ROUNDS)) == ROUNDS
    names.check({}, params.FILE)
    names.check({"pretrain": {"s": None}, "warmup": None, "rounds": {}}, params.FILE)


@pytest.mark.parametrize("section", ["pretrain", "warmup", "mean", "rounds"])
def test_names_must_be_strings(section, file):
    path = file(changed(section, 3))
    with pytest.raises(BadInput) as error:
        read(path)
    assert f"{path}: {section}.3: DVC ignores names that are not strings" in str(error.value)


@pytest.mark.parametrize("name", ["v1.0", "a/b", "", "round 1"])
def test_names_must_be_fit_for_files_and_keys(name, file):
    path = file(changed("pretrain", name))
    with pytest.raises(BadInput, match=rf"pretrain\.{name}: names name files"):
        read(path)


@pytest.mark.parametrize(
    ("section", "name", "role", "value"),
    [
        ("warmup", "advent", "from", "sorce"),
        ("warmup", "advent", "from", "advent"),
        ("mean", "both", "one", "sorce"),
        ("mean", "both", "other", "both"),
        ("mean", "both", "other", "round-1"),
        ("rounds", "round-1", "teacher", "round-1"),
        ("rounds", "round-1", "teacher", "round-2"),
        ("rounds", "round-2", "teacher", None),
        ("rounds", "round-2", "start", "other"),
    ],
)
def test_a_teacher_must_come_before_its_round(section, name, role, value, file):
    path = file(changed(section, name, **{role: value}))
    with pytest.raises(BadInput) as error:
        read(path)
    message = str(error.value)
    assert f"{path}: {section}.{name}.{role} = {value!r}: no model of that name" in message
    assert "source" in message.split("choose")[1]


def test_a_mean_is_a_teacher_and_no_start(file):
    assert read(file(changed("rounds", "round-1", teacher="both")))
    path = file(changed("rounds", "round-1", start="both"))
    with pytest.raises(BadInput, match=r"rounds\.round-1\.start = 'both': is a mean of two"):
        read(path)


@pytest.mark.parametrize(("section", "name"), [("warmup", "source"), ("rounds", "advent")])
def test_a_name_occurs_once(section, name, file):
    path = file(changed(section, name, teacher="long", start="long", **{"from": "long"}))
    with pytest.raises(BadInput, match=rf"{section}\.{name}: another model"):
        read(path)


@pytest.mark.parametrize("section", ["pretrain", "warmup", "mean", "rounds"])
def test_a_section_of_models_must_be_a_mapping(section, file):
    path = file({**ROUNDS, section: ["round-1"]})
    with pytest.raises(BadInput, match=f"{section} must be a mapping"):
        read(path)


@pytest.mark.parametrize(
    ("section", "name"), [("pretrain", "long"), ("warmup", "advent"), ("rounds", "round-1")]
)
def test_a_model_must_be_a_mapping(section, name, file):
    content = {key: dict(items) for key, items in ROUNDS.items()}
    content[section][name] = "source"
    with pytest.raises(BadInput, match=rf"{section}\.{name} must be a mapping, not 'source'"):
        read(file(content))


@pytest.mark.parametrize(
    ("name", "chain"),
    [("round-1", ["round-1"]), ("round-2", ["round-1", "round-2"]), ("other", ["other"]),
     ("source", []), ("advent", [])],
)  # fmt: skip
def test_ancestry_follows_the_teachers(name, chain):
    assert ancestry(ROUNDS, name) == chain


def test_ancestry_of_another_branch_leaves_the_first_out():
    content = changed("rounds", "third", teacher="round-1", start="source")
    assert ancestry(content, "third") == ["round-1", "third"]


# --- derived ------------------------------------------------------------------------------


def test_seeds_of_rounds_differ_and_stay():
    seeds = {params.derived_seed(seed, name) for seed in (0, 1) for name in ("a", "b")}
    assert len(seeds) == 4
    assert params.derived_seed(0, "a") == params.derived_seed(0, "a")


def test_roots_are_those_of_prepare(file):
    path = file({"prepare": {"val": {"root": "data/raw"}}})
    assert params.root("val", path).as_posix() == "data/raw"
