"""`segue migrate`: an older params file gets a source with a name, and is otherwise as written."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.commandline import refusal, segue

FLOW = """\
# streets: a game's streets to a city's, both procedural.
seed: 1

generate:
  game: {style: game, layout: gta5, images: 50, width: 256, height: 128}

prepare:
  classes: cityscapes
  source: {reader: gta5, root: data/raw/streets/game, width: 256, height: 128}
  target: {reader: cityscapes, root: data/raw/streets/city, width: 256, height: 128}

pretrain:
  source: {steps: 1200}
  source-long:   { steps: 1840 }  # as many as all that follows source

# the target's batch norm statistics in the source's model
warmup:
  target-norm: {from: source, objective: adapt_norm, steps: 40}
  clan:
    {steps: 40, options: {local: 10, least: 0.4},
     from: 'source', objective: clan}

prior: {}
retrain: {steps: 200}

rounds:
  round-1:
    {teacher: target-norm, start: target-norm, infer: {}, pseudo_label: {portion: 0.20},
     split: {easy: 0.5}, retrain: {objective: self_training}, evaluate: {}}
  round-2:
    {teacher: round-1, start: round-1, infer: {}, pseudo_label: {portion: 0.25},
     retrain: {options: {dense: true}, objective: tpld,  # of the second phase
       source_share: 0.25, hard_share: 0.5}, evaluate: {}}
"""
FLOW_NEW = """\
# streets: a game's streets to a city's, both procedural.
seed: 1

generate:
  game: {style: game, layout: gta5, images: 50, width: 256, height: 128}

source:
  game: {reader: gta5, root: data/raw/streets/game, width: 256, height: 128}

translations: {}

mix: {}

mean: {}

panels: {}

prepare:
  classes: cityscapes
  target: {reader: cityscapes, root: data/raw/streets/city, width: 256, height: 128}

pretrain:
  source: {source: game, steps: 1200}
  source-long:   { source: game, steps: 1840 }  # as many as all that follows source

# the target's batch norm statistics in the source's model
warmup:
  target-norm: {from: source, source: game, objective: adapt_norm, steps: 40}
  clan:
    {steps: 40, options: {local: 10, least: 0.4},
     from: 'source', source: game, objective: clan}

prior: {source: game}
retrain: {steps: 200}

rounds:
  round-1:
    {teacher: target-norm, start: target-norm, infer: {}, pseudo_label: {portion: 0.20},
     split: {easy: 0.5}, retrain: {source: game, objective: self_training}, evaluate: {}}
  round-2:
    {teacher: round-1, start: round-1, infer: {}, pseudo_label: {portion: 0.25},
     retrain: {source: game, options: {dense: true}, objective: tpld,  # of the second phase
       source_share: 0.25, hard_share: 0.5}, evaluate: {}}
"""
BLOCK = """\
# GTA5 to Cityscapes, by CBST.
seed: 3

generate: {}
# A root is wherever your copy lies.
# Sizes are the papers'.
prepare:
    classes: cityscapes
    minimum: 400  # not from the paper

    # the game, of which the list is missing
    source:
        reader: gta5   # 24,966 images

        root: "data/raw/gta5"
        # half the size would do
    # what it is to work on
    target:
        root: data/raw/cityscapes

# Both share CRST's numbers.
pretrain:
  source: &source   # an anchor
    # two epochs
    steps: 100000
    optimiser: {lr: 2.5e-4}
  source-long:
    <<: *source
    steps: 103462

warmup:
  advent:
    objective: advent
    from: source   # the first
    # and so many
    steps: 3

prior:
  stride: 8

rounds:
  'round-1':
    teacher: source
    retrain: &first
      objective: self_training
  round-2:
    teacher: round-1
    retrain: *first
  round-3:
    teacher: round-2
    retrain:
      <<: *first
      steps: 4
"""
BLOCK_NEW = """\
# GTA5 to Cityscapes, by CBST.
seed: 3

generate: {}
source:
    # the game, of which the list is missing
    gta5:
        minimum: 400
        reader: gta5   # 24,966 images

        root: "data/raw/gta5"
        # half the size would do

translations: {}

mix: {}

mean: {}

panels: {}

# A root is wherever your copy lies.
# Sizes are the papers'.
prepare:
    classes: cityscapes
    minimum: 400  # not from the paper

    # what it is to work on
    target:
        root: data/raw/cityscapes

# Both share CRST's numbers.
pretrain:
  source: &source   # an anchor
    source: gta5
    # two epochs
    steps: 100000
    optimiser: {lr: 2.5e-4}
  source-long:
    <<: *source
    steps: 103462

warmup:
  advent:
    objective: advent
    from: source   # the first
    source: gta5
    # and so many
    steps: 3

prior:
  source: gta5
  stride: 8

rounds:
  'round-1':
    teacher: source
    retrain: &first
      source: gta5
      objective: self_training
  round-2:
    teacher: round-1
    retrain: *first
  round-3:
    teacher: round-2
    retrain:
      <<: *first
      steps: 4
"""
LATER = "mean: {}\n\npanels: {}\n\n"
FILE, KEPT = Path("params.yaml"), Path("params.previous.yaml")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def migrated(text, *words):
    FILE.write_bytes(text.encode())
    segue("migrate", *words)
    return FILE.read_bytes().decode()


def refused(text, *words):
    """What it says; nothing is written."""
    FILE.write_bytes(text.encode())
    told = refusal("migrate", *words)
    assert told.startswith("params.yaml: ")
    assert FILE.read_bytes().decode() == text
    assert [*Path().iterdir()] == [FILE]
    return told


def old(rest="prior: {}\n", source="  source: {root: a/game}\n", before=""):
    """An older file with `rest` behind prepare, and what comes of prepare."""
    return f"{before}prepare:\n  classes: idd_lite\n{source}  val: {{}}\n{rest}"


def new(rest="prior: {source: game}\n", source="  game: {root: a/game}\n", before=""):
    made = f"source:\n{source}\ntranslations: {{}}\n\nmix: {{}}\n\n{LATER}"
    made += "prepare:\n  classes: idd_lite\n"
    return f"{before}{made}  val: {{}}\n{rest}"


# --- whole files ---------------------------------------------------------------------------


@pytest.mark.parametrize("mark", ["\ufeff", ""], ids=["mark", "no mark"])
@pytest.mark.parametrize("end", ["\r\n", "\n"], ids=["crlf", "lf"])
@pytest.mark.parametrize("last", [True, False], ids=["last line ends", "it does not"])
@pytest.mark.parametrize(("before", "after"), [(FLOW, FLOW_NEW), (BLOCK, BLOCK_NEW)],
                         ids=["flow", "block"])  # fmt: skip
def test_only_what_must_change_does(before, after, mark, end, last):
    before, after = (
        mark + (text if last else text.rstrip("\n")).replace("\n", end) for text in (before, after)
    )
    assert migrated(before) == after
    assert KEPT.read_bytes().decode() == before


@pytest.mark.parametrize("text", [FLOW, BLOCK], ids=["flow", "block"])
def test_twice_is_once(text):
    once = migrated(text)
    told, _ = segue("migrate")
    assert told == "params.yaml is up to date: nothing to do\n"
    assert FILE.read_text() == once
    assert {*Path().iterdir()} == {FILE, KEPT}


def test_every_model_names_the_source():
    content = YAML(typ="safe").load(migrated(BLOCK))
    assert content["source"]["gta5"] == {
        "minimum": 400, "reader": "gta5", "root": "data/raw/gta5"
    }  # fmt: skip
    named = [*content["pretrain"].values(), *content["warmup"].values(), content["prior"]]
    named += [item["retrain"] for item in content["rounds"].values()]
    assert [item["source"] for item in named] == ["gta5"] * 7


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{root: a/game, height: 9, options: {}}",
         "{root: a/game, height: 9, minimum: 8, options: {}}"),
        ("{root: a/game}  # here", "{minimum: 8, root: a/game}  # here"),
        ("\n    root: a/game\n    height: 9  # here", "\n    root: a/game\n    height: 9  # here\n"
         "    minimum: 8"),
    ],
)  # fmt: skip
def test_how_many_good_images_it_must_have_goes_along(before, after):
    text = old(source=f"  source: {before}\n").replace("classes: idd_lite", "minimum: 8")
    expected = new(source=f"  game: {after}\n").replace("classes: idd_lite", "minimum: 8")
    assert migrated(text) == expected


def test_but_not_into_an_alias():
    text = old(source="  source: *s\n", before="generate: &s {root: a/game}\n")
    assert "by hand: move prepare.source to source.game" in refused(text.replace(
        "classes: idd_lite", "minimum: 8"))  # fmt: skip


def test_any_file_behind_a_link_or_not_is_kept_beside_it():
    Path("presets").mkdir()
    Path("presets/ours.yaml").write_text(FLOW)
    FILE.symlink_to("presets/ours.yaml")
    told, _ = segue("migrate", "params.yaml")
    assert "the old params.yaml is now params.previous.yaml" in told
    assert "segue check params.yaml" in told
    assert FILE.is_symlink()
    assert Path("presets/ours.yaml").read_text() == FLOW_NEW
    KEPT.write_text("mine: 1\n")
    Path("presets/ours.yaml").write_text(BLOCK)
    told, _ = segue("migrate", "presets/ours.yaml")
    assert "is now presets/ours.previous.yaml" in told
    assert Path("presets/ours.previous.yaml").read_text() == BLOCK
    assert KEPT.read_text() == "mine: 1\n"


NEWER = """\
seed: 1
source: {game: {root: a}}
translations:
  # the city's colours
  painted:
    source: game
    fit_translator: {translator: lab, references: mean}  # of all
    translate: {copies: 1}
  washed:
    source: painted
    fit_translator: &fit
      translator: fda
      options: {beta: 0.05}
    translate: {}
  again: {source: game, fit_translator: *fit, translate: {}}
  more: {source: game, fit_translator: {<<: *fit, references: mean}, translate: {}}
  told: {source: game, fit_translator: {translator: cycada, segmenter: model}}
mix: {}

# of all
prepare: {classes: idd_lite}
panels: {width: 48}
"""
NEWER_NEW = (
    NEWER.replace("translator: lab,", "translator: lab, segmenter: none,")
    .replace("translator: fda\n", "translator: fda\n      segmenter: none\n")
    .replace("# of all\nprepare", "mean: {}\n\n# of all\nprepare")
)


@pytest.mark.parametrize("end", ["\r\n", "\n"], ids=["crlf", "lf"])
def test_a_file_with_named_sources_gets_what_was_added_since(end):
    before, after = (text.replace("\n", end) for text in (NEWER, NEWER_NEW))
    assert migrated(before) == after
    assert KEPT.read_bytes().decode() == before
    content = YAML(typ="safe").load(after)
    found = [item["fit_translator"]["segmenter"] for item in content["translations"].values()]
    assert found == ["none"] * 4 + ["model"]
    told, _ = segue("migrate")
    assert told == "params.yaml is up to date: nothing to do\n"


def test_what_was_added_since_is_told_where_it_cannot_be_put():
    text = "source: {}\ntranslations:\n  a: {fit_translator: &f {translator: lab}}\nmix: {}\n"
    text += "mean: {}\npanels: {}\ngallery: *f\n"
    assert "by hand: add segmenter: none to translations.a.fit_translator" in refused(text)
    lacking = "{source: {}, translations: {}, mix: {}, panels: {}}\n"
    assert refused(lacking).endswith("by hand: add mean: {}")


# --- the name ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("root", "name"),
    [
        ("data/raw/gta5/", "gta5"), ("/mnt/GTA V (train)", "GTA-V-train"), ("..", "source"),
        (".", "source"), ("/", "source"), ("data/-", "source"), ("straße/größe", "größe"),
        ("data/2024", "2024"), ("data/2024-13-45", "2024-13-45"), ("data/true", "true"),
        ("x" * 120, "x" * 100),
    ],
)  # fmt: skip
def test_a_source_is_named_after_its_folder(root, name):
    content = YAML(typ="safe").load(migrated(old(source=f"  source: {{root: '{root}'}}\n")))
    assert content["source"] == {name: {"root": root}}
    assert content["prior"] == {"source": name}


@pytest.mark.parametrize("source", ["  source:\n", "  source: {reader: gta5}\n",
                                    "  source: {root: 3}\n"])  # fmt: skip
def test_one_without_a_folder_is_called_source(source):
    content = YAML(typ="safe").load(migrated(old(source=source)))
    assert [*content["source"]] == ["source"]


def test_another_name_can_be_given():
    text = migrated(FLOW, "--name", "cars")
    assert text == re.sub("(source:|source:\n ) game", r"\1 cars", FLOW_NEW)
    assert "names name files" in refused_name("a/b")
    assert "names name files" in refused_name("a.b")


@pytest.mark.parametrize("name", ["target", "val", "target_truth"])
def test_what_prepare_makes_is_no_name(name):
    told = f"source.{name} (see --name): is what prepare makes; choose another name"
    assert told in refused_name(name)
    assert told in refused(FLOW.replace("data/raw/streets/game", f"data/{name}"))


def refused_name(name):
    KEPT.unlink(missing_ok=True)
    return refused(FLOW, "--name", name)


# --- layouts -------------------------------------------------------------------------------

LAYOUTS = {
    "nothing": ("prior:\n", "prior: {source: game}\n"),
    "nothing, with a comment": ("prior:  # none\n", "prior: {source: game}  # none\n"),
    "null": ("prior: null # none\n", "prior: {source: game} # none\n"),
    "an anchor of nothing": ("prior: &p\n", "prior: &p {source: game}\n"),
    "an anchor of null": ("prior: &p ~\n", "prior: &p {source: game}\n"),
    "a tag": ("prior: !!map { }\n", "prior: !!map { source: game}\n"),
    "braces over lines": (
        "prior: {  # here\n  }\n", "prior: {  # here\n  source: game}\n"
    ),
    "a comment before the first key": (
        "prior: {  # here\n  stride: 8}\n", "prior: {  # here\n  source: game, stride: 8}\n"
    ),
    "as JSON": ('prior: {"stride":8}\n', 'prior: {source: game, "stride":8}\n'),
    "quotes": ("'prior': {}\n", "'prior': {source: game}\n"),
    "sections of nothing": (
        "pretrain:\nwarmup: {}\nrounds: ~\nprior: {}\n",
        "pretrain:\nwarmup: {}\nrounds: ~\nprior: {source: game}\n",
    ),
    "items of nothing": (
        "pretrain: {a: , b: null}\nrounds:\n  c: {retrain: }\nprior: {}\n",
        "pretrain: {a: {source: game} , b: {source: game}}\nrounds:\n"
        "  c: {retrain: {source: game} }\nprior: {source: game}\n",
    ),
    "an item with a source": (
        "pretrain:\n  a: {steps: 1, source: game}\n  b: {source: game}\nprior: {}\n",
        "pretrain:\n  a: {steps: 1, source: game}\n  b: {source: game}\nprior: {source: game}\n",
    ),
    "aliases": (
        "pretrain:\n  a: &a {steps: 1}\n  b: *a\nwarmup:\n  c: *a\nprior: {}\n",
        "pretrain:\n  a: &a {source: game, steps: 1}\n  b: *a\nwarmup:\n  c: *a\n"
        "prior: {source: game}\n",
    ),
    "merge keys": (
        "pretrain:\n  a: &a {steps: 1}\n  b: &b {<<: *a, seed: 1}\n  c: {<<: [*b], seed: 2}\n"
        "prior: {}\n",
        "pretrain:\n  a: &a {source: game, steps: 1}\n  b: &b {<<: *a, seed: 1}\n"
        "  c: {<<: [*b], seed: 2}\nprior: {source: game}\n",
    ),
    "a merge key of what is no item": (
        "training: &t {batch: 2}\npretrain:\n  a: {<<: *t, steps: 1}\n  b:\n    <<: *t\n"
        "prior: {}\n",
        "training: &t {batch: 2}\npretrain:\n  a: {source: game, <<: *t, steps: 1}\n  b:\n"
        "    source: game\n    <<: *t\nprior: {source: game}\n",
    ),
    "a round of another's keys": (
        "rounds:\n  a: &a\n    retrain: {steps: 1}\n  b:\n    <<: *a\n    teacher: a\nprior: {}\n",
        "rounds:\n  a: &a\n    retrain: {source: game, steps: 1}\n  b:\n    <<: *a\n"
        "    teacher: a\nprior: {source: game}\n",
    ),
    "items of another section's keys": (
        "pretrain: &all\n  a: {steps: 1}\nwarmup: {<<: *all}\nprior: {}\n",
        "pretrain: &all\n  a: {source: game, steps: 1}\nwarmup: {<<: *all}\n"
        "prior: {source: game}\n",
    ),
    "from that is an alias, nothing or further down": (
        "pretrain:\n  &n a: {}\nwarmup:\n  b: {steps: 1, from: *n}\n  c: {from: , steps: 1}\n"
        "  d: {options: {from: x}, steps: 1}\n  e:\n    from:\n      a\n    steps: 1\n"
        "prior: {}\n",
        "pretrain:\n  &n a: {source: game}\nwarmup:\n  b: {source: game, steps: 1, from: *n}\n"
        "  c: {source: game, from: , steps: 1}\n"
        "  d: {source: game, options: {from: x}, steps: 1}\n"
        "  e:\n    from:\n      a\n    source: game\n    steps: 1\nprior: {source: game}\n",
    ),
    "from in the last line before a section": (
        "warmup:\n  a:\n    from: b\n# of prior\nprior:\n  stride: 8",
        "warmup:\n  a:\n    from: b\n    source: game\n# of prior\nprior:\n  source: game\n"
        "  stride: 8",
    ),
    "a text that looks like comments": (
        "prior:\n  note: |\n    # one\n    # two\n  # three\n",
        "prior:\n  source: game\n  note: |\n    # one\n    # two\n  # three\n",
    ),
    "letters of other planes": (
        "# 🚗 \u2028 \x85\nprior: {}  # 🚗\n", "# 🚗 \u2028 \x85\nprior: {source: game}  # 🚗\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), LAYOUTS.values(), ids=LAYOUTS)
def test_items_of_any_layout_name_the_source(before, after):
    assert migrated(old(before)) == new(after)


@pytest.mark.parametrize(("before", "after"), LAYOUTS.values(), ids=LAYOUTS)
def test_so_they_do_before_prepare(before, after):
    before, after = (text.removesuffix("\n") + "\n" for text in (before, after))
    assert migrated(old("", before=before)) == new("", before=after)


SOURCES = {
    "a comment behind it": (
        "  source: {root: a/game}  # the game\n", "  game: {root: a/game}  # the game\n"
    ),
    "braces over lines": (
        "  source: {root: a/game,  # here\n    reader: x}  # there\n",
        "  game: {root: a/game,  # here\n    reader: x}  # there\n",
    ),
    "quotes": ("  'source': {root: a/game}\n", "  game: {root: a/game}\n"),
    "an anchor that val uses": (
        "  source: &s {root: a/game}\n  target: {<<: *s}\n", "  game: &s {root: a/game}\n"
    ),
    "an alias to what stands before it": ("  source: *before\n", "  game: *before\n"),
    "a merge key": (
        "  source:\n    <<: *before\n    root: a/game\n",
        "  game:\n    <<: *before\n    root: a/game\n",
    ),
    "comments above and below": (
        "  # not its own\n\n  # its own\n  source:\n    root: a/game\n    # its own too\n\n"
        "  # of the next\n\n",
        "  # its own\n  game:\n    root: a/game\n    # its own too\n",
    ),
    "an explicit key": ("  ? source\n  : {root: a/game}\n", "  ? game\n  : {root: a/game}\n"),
    "a long text": (
        "  source:\n    root: a/game\n    note: |\n      # one\n\n      two\n",
        "  game:\n    root: a/game\n    note: |\n      # one\n\n      two\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), SOURCES.values(), ids=SOURCES)
def test_a_source_of_any_layout_is_moved_with_its_comments(before, after):
    above = "generate: &before {root: a/game}\n"
    text = migrated(old(source=before, before=above))
    moved = [line for line in before.splitlines() if line.replace("source", "game", 1).replace(
        "'", "") not in after.splitlines()]  # fmt: skip
    rest = "".join(f"{line}\n" for line in moved)
    assert text == new(source=after, before=above).replace("  val:", f"{rest}  val:")


def test_prepare_and_its_source_may_be_the_last():
    before = (
        "prior: {}\nprepare:\n  classes: idd_lite\n  source: {root: a/game}\n  # none: {}\n\n# end"
    )
    after = (
        "prior: {source: game}\nsource:\n  game: {root: a/game}\n\ntranslations: {}\n\n"
        "mix: {}\n\n" + LATER + "prepare:\n  classes: idd_lite\n  # none: {}\n\n# end"
    )
    assert migrated(before) == after


# --- what it refuses -----------------------------------------------------------------------

BY_HAND = (
    "by hand: move prepare.source to source.game; add translations: {}, mix: {}, mean: {}, "
    "panels: {}; add source: game to prior"
)
REFUSED = {
    "an alias that others use": ("retrain: &r {steps: 1}\nprior: *r\n", BY_HAND),
    "a merge key of others": ("prior: &p {stride: 8}\ninfer: {<<: *p}\n", BY_HAND),
    "a key that is an alias": ("infer: {&n stride: 4}\nprior: {*n : 8}\n", BY_HAND),
    "a mapping that brings itself": ("prior: &p {<<: *p, stride: 8}\n", BY_HAND),
    "a mapping that holds itself": ("infer: &i {more: *i}\nprior: {}\n", BY_HAND),
    "a key without a colon": ("pretrain: {a}\nprior: {}\n", "to pretrain.a, prior"),
    "a key without a colon, the last": ("prior: {}\npretrain: {a}\n", "to pretrain.a, prior"),
    "prior that is missing": ("infer: {}\n", "prior is missing; write prior: {} there"),
    "prior that is no mapping": ("prior: 3\n", "prior must be a mapping, not 3"),
    "an item that is no mapping": (
        "pretrain: {a: [1]}\nprior: {}\n", "pretrain.a must be a mapping, not [1]"
    ),
    "a section that is none": ("warmup: [1]\nprior: {}\n", "warmup must be a mapping"),
    "a round of nothing": (
        "rounds:\n  a:\nprior: {}\n", "rounds.a.retrain is missing; write retrain: {} there"
    ),
    "a name that is a number": ("pretrain: {3: {}}\nprior: {}\n", "pretrain.3: DVC ignores names"),
    "another source": (
        "pretrain: {a: {source: cars}}\nprior: {}\n",
        "pretrain.a.source = 'cars', but prepare.source is to be 'game'; choose one of the two: "
        "--name cars",
    ),
    "both forms": ("source: {}\nprior: {}\n", "holds prepare.source and source"),
    "a translation": ("translations: {}\nprior: {}\n", "holds prepare.source and translations"),
    "a mix": ("mix: {}\nprior: {}\n", "holds prepare.source and mix"),
    "two documents": ("prior: {}\n---\nseed: 1\n", "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize(("rest", "words"), REFUSED.values(), ids=REFUSED)
def test_what_would_say_something_else_is_refused(rest, words):
    assert words in refused(old(rest))


NOWHERE = {
    "prepare in braces": "prepare: {source: {root: a/game}, val: {}}\nprior: {}\n",
    "prepare in braces, over lines": (
        "prepare:\n  {classes: idd_lite,\n   source: {root: a/game},\n   val: {}}\nprior: {}\n"
    ),
    "all in braces": "{prepare: {source: {root: a/game}}, prior: {}}\n",
    "prepare that is an alias": (
        "infer: &i\n  source: {root: a/game}\n  val: {}\nprepare: *i\nprior: {}\n"
    ),
    "a source by a merge key": (
        "infer: &i {source: {root: a/game}}\nprepare:\n  <<: *i\n  val: {}\nprior: {}\n"
    ),
    "prepare by a merge key": (
        "infer: &i\n  prepare: {source: {root: a/game}, val: {}}\n<<: *i\nprior: {}\n"
    ),
    "prepare that others use": (
        "prepare: &p\n  source: {root: a/game}\n  val: {}\ninfer: {<<: *p}\nprior: {}\n"
    ),
    "an alias to what stands in prepare": (
        "prepare:\n  target: &t {root: a/game}\n  source: *t\nprior: {}\n"
    ),
    "an anchor of its key": (
        "prepare:\n  &s source: {root: a/game}\n  val: {note: *s}\nprior: {}\n"
    ),
    "an item in the source": (
        "prepare:\n  source: {root: a/game, options: &o {}}\n  val: {}\nprior: *o\n"
    ),
    "sections that do not begin a line": (
        "  prepare:\n    source: {root: a/game}\n    val: {}\n  prior: {}\n"
    ),
    "the end of a document": "prior: {}\nprepare:\n  val: {}\n  source: {root: a/game}\n...\n",
    "nothing else in prepare": "prior: {}\nprepare:\n  source: {root: a/game}\n",
}  # fmt: skip


@pytest.mark.parametrize("text", NOWHERE.values(), ids=NOWHERE)
def test_a_source_that_stands_in_no_lines_of_its_own_is_refused(text):
    assert BY_HAND in refused(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed: 1\n", "prepare.source is missing"),
        ("prepare: 3\n", "prepare must be a mapping"),
        ("a: [1", "cannot be read"),
        ("", "holds no sections"),
    ],
)
def test_what_is_no_params_file_is_refused(text, words):
    assert words in refused(text)


def test_a_missing_file_is_named():
    assert "none.yaml: cannot be read" in refusal("migrate", "none.yaml")
