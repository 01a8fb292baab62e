"""What of a params file contradicts itself: each rule broken, and in order."""

from copy import deepcopy
from pathlib import Path

import pytest

from pipeline.checks import plan, sources
from pipeline.runtime.contents import overlay
from pipeline.runtime.files import BadInput
from pipeline.runtime.params import read

PRESETS = sorted((Path(__file__).parents[2] / "presets").glob("*.yaml"))
ROUND = {
    "teacher": "source",
    "start": "source",
    "pseudo_label": {"labeler": "cbst", "portion": 0.2},
    "split": {"ranker": "entropy", "easy": 0.5},
    "retrain": {"objective": "self_training"},
}
CONTENT = {
    "pretrain": {"source": {"steps": 1}},
    "warmup": {"w": {"from": "source", "objective": "advent", "steps": 1}},
    "pseudo_label": {},
    "split": {},
    "retrain": {"steps": 1},
    "rounds": {"r": ROUND},
}


def rounds(**stages):
    """The content with its round changed."""
    return overlay(CONTENT, {"rounds": {"r": stages}})


def warmup(**values):
    return overlay(CONTENT, {"warmup": {"w": values}})


def several(objective, mixed=True, batch=4, **values):
    """A warm-up on a mix of three sources, or on one."""
    found = warmup(objective=objective, source="all" if mixed else "one", batch=batch, **values)
    mixes = {"both": {"one": "one", "other": "two"}, "all": {"one": "both", "other": "three"}}
    return found | {"source": {key: {} for key in ("one", "two", "three")}, "mix": mixes}


def retrain(**values):
    return rounds(retrain=values)


def hard(easy=0.5, ranker="entropy", **values):
    """A round of an objective that aligns hard images."""
    training = {"objective": "intra_domain", "source_share": 0, "hard_share": 0.5} | values
    return rounds(retrain=training, split={"ranker": ranker, "easy": easy})


def lrent(objective="self_training", alpha=None, soft_alpha=None):
    made = {"labeler": "crst_lrent", "options": {} if alpha is None else {"alpha": alpha}}
    options = {} if soft_alpha is None else {"soft_alpha": soft_alpha}
    return rounds(pseudo_label=made, retrain={"objective": objective, "options": options})


def dense(labeler, given=True):
    training = {"objective": "tpld", "options": {"dense": given}}
    return rounds(pseudo_label={"labeler": labeler}, retrain=training)


def problems(content):
    before = deepcopy(content)
    found = [*plan.contradictions(content), *sources.contradictions(content)]
    assert content == before
    return found


LABELLED = {"reader": "folder", "root": "data/a", "options": {"label_map": {7: "road"}}}


def held_out(**values):
    """A source's images as val, but for `values`."""
    val = {**LABELLED, "held_out": 0.1, **values}
    return CONTENT | {"source": {"a": {**LABELLED, "limit": 9}}, "prepare": {"val": val}}


IN_ORDER = {
    "a part of a source held out": held_out(rename={}),
    "no val": held_out(reader="none", held_out=None),
    "as it is": CONTENT,
    "no warmup": CONTENT | {"warmup": None},
    "no rounds": CONTENT | {"rounds": None},
    "empty sections": CONTENT | {"pseudo_label": None, "split": None, "retrain": None},
    "a warmup on the target alone": warmup(objective="adapt_norm", source_share=0.0),
    "batch norm frozen": warmup(frozen_norm=True),
    "a warmup on the source alone": warmup(objective="source_only", source_share=1),
    "a warmup of half and half by default": warmup(objective="minent"),
    "a teacher that labels as it trains": warmup(objective="online"),
    "one in a round, of its labels": retrain(objective="online", options={"labels": "both"}),
    "one in a round, of its own": retrain(objective="online", batch=6),
    "no source images in self-training": retrain(source_share=0),
    "hard images aligned": hard(),
    "hard images aligned by confidence": hard(ranker="confidence"),
    "a little of everything": hard(objective="tpld", source_share=0.3, hard_share=0.3),
    "tpld without hard images": retrain(objective="tpld"),
    "a ranker that is not asked": rounds(split={"ranker": "none", "easy": 1.0}),
    "easy images": retrain(use="easy"),
    "few labels for all, and a round's own size": rounds(evaluate={"width": 64})
    | {"evaluate": {"few": 2, "seed": 3}},
    "dense labels": dense("tpld"),
    "dense switched off": dense("cbst", given=False),
    "soft labels by default's alpha": lrent(soft_alpha=0.25),
    "soft labels": lrent(alpha=0.5, soft_alpha=0.5),
    "LRENT's choice for hard labels": lrent("tpld"),
    "three sources in a batch": several("mdan", batch=6),
    "three sources in a small batch": several("mdan", source_share=0.75),
    "a mix in a batch too small for all, one at a time": several("advent", batch=2),
    "an objective that is not known": retrain(objective="unheard_of"),  # its stage says so
    "a warmup's objective that is not known": warmup(objective="unheard_of"),
}

WARMUPS = (
    "choose adapt_norm, adaptsegnet, adda, advent, clan, collaborative, deep_cocktail, fcan, "
    "fcns_in_the_wild, generate_to_adapt, madan, mdan, minent, moment_matching, online, road, "
    "source_only"
)

BROKEN = {
    "a part of no source held out": (
        held_out(root="data/b"),
        "prepare.val.held_out = 0.1: no source has its reader, root, options, rename",
        "write them as that source has them, or leave held_out out",
    ),
    "a part held out by other labels": (
        held_out(options={}),
        "prepare.val.held_out = 0.1: no source has its",
        "write them as that source has them",
    ),
    "a warmup on pseudo-labels": (
        warmup(objective="self_training"),
        "warmup.w.objective = self_training",
        WARMUPS,
    ),
    "a warmup that aligns hard images": (
        warmup(objective="intra_domain"),
        "warmup.w.objective = intra_domain",
        WARMUPS,
    ),
    "a warmup without the source it needs": (
        warmup(source_share=0),
        "warmup.w.source_share = 0: advent",
        "raise it",
    ),
    "a warmup with source images it leaves": (
        warmup(objective="adapt_norm", source_share=0.25),
        "warmup.w.source_share = 0.25: adapt_norm",
        "set it to 0",
    ),
    "a warmup with target images it leaves": (
        warmup(objective="source_only"),
        "warmup.w.source_share = 0.5: source_only takes no target images",
        "set it to 1",
    ),
    "a warmup with half of them by default": (
        warmup(objective="adapt_norm"),
        "warmup.w.source_share = 0.5: adapt_norm",
        "set it to 0",
    ),
    "a warmup that mixes what is not half and half": (
        warmup(objective="online", source_share=0.25, batch=4),
        "warmup.w: online mixes each target image with a source image, and source_share 0.25 of a",
        "set source_share to 0.5, and batch to an even number",
    ),
    "a round that mixes an odd batch": (
        overlay(retrain(objective="online"), {"training": {"batch": 5}}),
        "rounds.r.retrain: online mixes each target image with a source image, and source_share",
        "of a batch of 5 is not half of it; set source_share to 0.5",
    ),
    "a warmup whose batch has no source image": (
        warmup(batch=1),
        "warmup.w.batch = 1: too small to hold a source image with source_share 0.5",
        "raise it, or change these",
    ),
    "a warmup whose batch has no target image": (
        warmup(batch=4, source_share=0.9),
        "warmup.w.batch = 4: too small to hold a target image with source_share 0.9",
        "raise it, or change these",
    ),
    "a round whose batch has no hard image": (
        overlay(hard(hard_share=0.1), {"training": {"batch": 4}}),
        "rounds.r.retrain.batch = 4: too small to hold a hard image",
        "raise it, or change these",
    ),
    "a warmup of pseudo-labels, mixed": (
        warmup(objective="online", options={"labels": "both"}),
        "warmup.w.options.labels = both",
        "set it to teacher, or use it in a round's retrain",
    ),
    "batch norm to adapt, and frozen": (
        warmup(objective="adapt_norm", source_share=0, frozen_norm=True),
        "warmup.w.frozen_norm = true: adapt_norm",
        "set it to false",
    ),
    "batch norm to adapt, and frozen for all": (
        warmup(objective="adapt_norm", source_share=0) | {"training": {"frozen_norm": True}},
        "warmup.w.frozen_norm = true: adapt_norm",
        "set it to false",
    ),
    "a warmup without target images": (
        warmup(source_share=1),
        "warmup.w.source_share = 1: leaves advent",
        "lower it",
    ),
    "one source for an objective of several": (
        several("mdan", mixed=False),
        "warmup.w.source: is a single one, and mdan learns from several at once",
        "name a mix",
    ),
    "a batch too small for all sources": (
        several("moment_matching"),
        "warmup.w.batch = 4: its source_share of 0.5 has no image of each of the 3 sources",
        "raise one of them",
    ),
    "a round of no pseudo-labels": (
        retrain(objective="advent"),
        "rounds.r.retrain.objective = advent",
        "choose intra_domain, online, self_training, tpld",
    ),
    "source images that are not taken": (
        hard(source_share=0.25, hard_share=0.25),
        "rounds.r.retrain.source_share = 0.25: intra_domain",
        "set it to 0",
    ),
    "no hard images": (
        hard(hard_share=0),
        "rounds.r.retrain.hard_share = 0: intra_domain",
        "raise it",
    ),
    "hard images that are not taken": (
        retrain(hard_share=0.25),
        "rounds.r.retrain.hard_share = 0.25: self_training",
        "set it to 0",
    ),
    "hard images without a ranker": (
        hard(ranker="none"),
        "rounds.r.split.ranker = none",
        "choose confidence, entropy",
    ),
    "no easy images": (hard(easy=0), "rounds.r.split.easy = 0: leaves no easy", ""),
    "all images easy": (hard(easy=1.0), "rounds.r.split.easy = 1.0", "no hard images"),
    "nothing left to learn from": (
        hard(objective="tpld", source_share=0.5, hard_share=0.5),
        "rounds.r.retrain: source_share 0.5 and hard_share 0.5",
        "lower one",
    ),
    "only source images": (
        retrain(source_share=1),
        "rounds.r.retrain: source_share 1 and hard_share 0",
        "lower one",
    ),
    "easy images of none": (
        overlay(retrain(use="easy"), {"rounds": {"r": {"split": {"easy": 0}}}}),
        "rounds.r.split.easy = 0: retrain.use easy",
        "raise it",
    ),
    "few labels of a round's own": (
        rounds(evaluate={"few": 2}),
        "rounds.r.evaluate.few = 2: the same images are drawn for all models",
        "set it in evaluate alone",
    ),
    "a draw of a round's own": (
        rounds(evaluate={"seed": 0}),
        "rounds.r.evaluate.seed = 0: the same images are drawn for all models",
        "set it in evaluate alone",
    ),
    "dense labels that nobody makes": (
        dense("cbst"),
        "rounds.r.retrain.options.dense",
        "needs the labeler tpld, not cbst",
    ),
    "soft labels of another labeler": (
        retrain(options={"soft_alpha": 0.25}),
        "rounds.r.retrain.options.soft_alpha = 0.25",
        "needs the labeler crst_lrent, not cbst",
    ),
    "hard labels chosen as soft ones": (
        lrent(),
        "rounds.r.retrain.options.soft_alpha = None",
        "alpha 0.25; set both alike",
    ),
    "soft labels of another alpha": (
        lrent(alpha=0.5, soft_alpha=0.25),
        "rounds.r.retrain.options.soft_alpha = 0.25",
        "alpha 0.5; set both alike",
    ),
}


@pytest.mark.parametrize("content", IN_ORDER.values(), ids=IN_ORDER)
def test_what_fits_is_let_pass(content):
    assert problems(content) == []


@pytest.mark.parametrize(("content", "start", "fix"), BROKEN.values(), ids=BROKEN)
def test_what_does_not_is_named_with_its_key_its_value_and_a_fix(content, start, fix):
    [problem] = problems(content)
    assert problem.startswith(start)
    assert fix in problem


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_the_presets_are_in_order(path):
    assert problems(read(path)) == []


def test_the_top_level_section_counts_where_the_round_is_silent():
    content = overlay(CONTENT, {"retrain": {"hard_share": 0.25}, "split": {"ranker": "none"}})
    [problem] = problems(content)
    assert problem.startswith("rounds.r.retrain.hard_share = 0.25")
    assert problems(overlay(content, {"rounds": {"r": {"retrain": {"hard_share": 0}}}})) == []


def test_all_that_is_wrong_is_said_at_once():
    content = overlay(hard(source_share=0.5, ranker="none", easy=0), {"retrain": {"use": "easy"}})
    keys = [problem.split(":")[0].split(" = ")[0] for problem in problems(content)]
    assert sorted(keys) == [
        "rounds.r.retrain",
        "rounds.r.retrain.source_share",
        "rounds.r.split.easy",
        "rounds.r.split.easy",
        "rounds.r.split.ranker",
    ]


def test_check_is_of_one_round_and_refuses_it_by_file_and_key():
    bad = retrain(source_share=1)["rounds"]["r"]
    content = overlay(warmup(source_share=0), {"rounds": {"bad": bad}})
    plan.check(content, "r")
    with pytest.raises(BadInput) as error:
        plan.check(content, "bad")
    assert str(error.value).startswith("params.yaml: rounds.bad.retrain: source_share 1")
    assert len(str(error.value).splitlines()) == 1
    assert len(problems(content)) == 2


@pytest.mark.parametrize(
    "content",
    [
        retrain(source_share="half"),
        retrain(source_share=None),
        retrain(hard_share="half"),
        retrain(options=None),
        hard(easy=None),
        hard(easy="half"),
        warmup(source_share="half"),
        warmup(objective=["advent"]),
    ],
    ids=range(8),
)
def test_values_of_a_wrong_type_are_left_to_their_stage(content):
    problems(content)  # which names them; nothing is raised here
