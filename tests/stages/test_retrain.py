"""What a round trains on, and retraining by each objective that takes pseudo-labels."""

import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from ruamel.yaml import YAML

from pipeline.domain import artifacts, batches, pictures
from pipeline.domain.augment import Augment
from pipeline.domain.draws import Draws
from pipeline.domain.taxonomy import IGNORE, resolve
from pipeline.domain.views import AugmentParams
from pipeline.inference import predictions
from pipeline.inference.predictions import Prediction, Predictions
from pipeline.inference.pseudo import PseudoLabelled
from pipeline.model import model
from pipeline.model.recipe import Recipe
from pipeline.runtime import parts
from pipeline.runtime.files import BadInput
from pipeline.runtime.params import derived_seed
from pipeline.stages import retrain

THREE = resolve(["soil", "crop", "weed"])
SIZE = (40, 36)
TRAINING = {
    "batch": 4, "seed": 0, "steps": 2, "augment": {"crop_width": 32, "crop_height": 32},
    "objective": "self_training",
}  # fmt: skip
IMAGES = 6
EASY = (4, 0, 3)


def params(**changes):
    return retrain.Params(**TRAINING | changes)


def small(seed=0):
    return model.create(Recipe("small", THREE, {"width": 4}), seed)


def equal(one, two):
    own, other = one.state_dict(), two.state_dict()
    return all(torch.equal(own[key], other[key]) for key in own)


def table(k=(0.1, 0.2, 0.0), predicted=(90, 9, 0)):
    return pd.DataFrame({"class": THREE.names, "k": k, "predicted": predicted})


def write_predictions(domain, folder):
    """All logits of class 0 are the image's index."""
    rng = np.random.default_rng(0)

    def made():
        for index, sample in enumerate(domain.samples):
            logits = rng.normal(0, 2, (3, 5, 6)).astype(np.float16)
            logits[0] = index
            yield Prediction(sample.image, SIZE[1], SIZE[0], logits)

    predictions.write(folder, predictions.files(len(domain)), made())
    return Predictions(folder)


def write_labels(domain, folder):
    """The label of image i is i % 3, but for its first rows."""
    for index, sample in enumerate(domain.samples):
        label = np.full(SIZE[::-1], index % 3, np.uint8)
        label[:10] = IGNORE
        pictures.write_label(folder / f"{sample.name}.png", label, THREE.colours)
    return folder


@pytest.fixture
def target(scenes, tmp_path):
    images = scenes(IMAGES, size=SIZE, name="target")
    samples = [replace(sample, label=None, label_hash=None) for sample in images.samples]
    images = replace(images, samples=samples)  # nothing of the truth can be used
    found = write_predictions(images, tmp_path / "predictions")
    return PseudoLabelled(images, write_labels(images, tmp_path / "labels"), 3, found)


def ranked(target, easy=EASY):
    rows = [*easy, *(i for i in range(len(target)) if i not in easy)]
    return pd.DataFrame({
        "image": [target.samples[i].image for i in rows],
        "score": np.linspace(0, 1, len(rows)),
        "rank": range(len(rows)),
        "subset": ["easy"] * len(easy) + ["hard"] * (len(rows) - len(easy)),
    })  # fmt: skip


def names(of, indices):
    return [of.samples[i].image for i in indices]


def images(of):
    return [sample.image for sample in of.samples]


# --- the source ----------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "count"), [(0.5, 5), (0.39, 3), (0.3, 3), (0.09, 1), (1e-9, 1)])
def test_a_portion_of_the_source_is_rounded_down_but_never_nothing(share, count, scenes):
    source = scenes(10, size=(8, 8))
    found = retrain.portion(source, share, 0)
    assert len(found) == count
    order = [images(source).index(image) for image in images(found)]
    assert order == sorted(set(order))
    for index, of in enumerate(order):
        assert np.array_equal(found.image(index), source.image(of))
        assert np.array_equal(found.label(index), source.label(of))
    assert len(source) == 10


def test_the_whole_source_is_itself(scenes):
    source = scenes(3, size=(8, 8))
    assert retrain.portion(source, 1.0, 0) is source


def test_a_larger_portion_of_one_seed_holds_a_smaller(scenes):
    source = scenes(20, size=(8, 8))
    shares = (0.1, 0.25, 0.5, 0.95, 1.0)
    found = [set(images(retrain.portion(source, share, 3))) for share in shares]
    for one, two in pairwise(found):
        assert one < two
    again = retrain.portion(source, 0.25, 3)
    assert set(images(again)) == found[1]


def test_portions_of_other_seeds_are_other_images(scenes):
    source = scenes(20, size=(8, 8))
    found = {frozenset(images(retrain.portion(source, 0.25, seed))) for seed in range(30)}
    assert len(found) > 25
    assert set().union(*found) == set(images(source))


@pytest.mark.parametrize("change", [
    {"source_portion": 0.0}, {"source_portion": 1.1}, {"source_draw": "new"}, {"use": "hard"},
    {"hard_share": -0.1}, {"source_share": 1.5}, {"rare_below": 2.0}, {"steps": 0},
    {"augment": {"crop_width": 8, "crop_height": 8, "mine": 1.1}},
    {"corrected_weight": 0}, {"corrected_weight": 1.5},
])  # fmt: skip
def test_params_out_of_range_are_refused(change):
    with pytest.raises(ValidationError):
        params(**change)


# --- the target ----------------------------------------------------------------------------


def teachers(of):
    """Which image of the whole target each of a part's logits is of."""
    return [int(of.logits[i].logits[0, 0, 0]) for i in range(len(of))]


def check(found, target, indices):
    """Images, labels and logits of the part are those of the whole."""
    assert images(found) == names(target, indices)
    assert teachers(found) == [*indices]
    assert [found.logits[i].image for i in range(len(found))] == images(found)
    for index, of in enumerate(indices):
        assert np.array_equal(found.image(index), target.image(of))
        assert np.array_equal(found.label(index), target.label(of))


def test_all_images_are_learned_from_by_default(target):
    made = retrain.split_up(params(), target, ranked(target), table())
    assert made.hard is None
    check(made.target, target, range(IMAGES))
    assert made.thresholds.equals(table())


def test_easy_images_alone_are_learned_from_with_their_own_logits(target):
    made = retrain.split_up(params(use="easy"), target, ranked(target), table())
    assert made.hard is None
    check(made.target, target, sorted(EASY))
    check(target, target, range(IMAGES))  # as it was


def test_easy_images_without_logits(target):
    made = retrain.split_up(
        params(use="easy"), replace(target, logits=None), ranked(target), table()
    )
    assert made.target.logits is None
    assert images(made.target) == names(target, sorted(EASY))


@pytest.mark.parametrize(("use", "left"), [("all", (0, 1, 3, 5)), ("easy", (0, 3))])
def test_excluded_images_are_not_learned_from(use, left, target):
    split = ranked(target)
    out = split["image"].isin(names(target, (2, 4)))
    split["subset"] = split["subset"].where(~out, "excluded")
    made = retrain.split_up(params(use=use, hard_share=0.25), target, split, table())
    check(made.target, target, left)
    assert images(made.hard) == names(target, (1, 5))


def test_a_corrected_image_counts_as_often_as_its_weight_says(target):
    two = {target.samples[i].name for i in (1, 4)}
    assert retrain.weighed(target, two, 1) is target
    assert retrain.weighed(target, set(), 3) is target
    check(retrain.weighed(target, two, 3), target, (0, 1, 1, 1, 2, 3, 4, 4, 4, 5))
    bare = retrain.weighed(replace(target, logits=None), two, 2)
    assert images(bare) == names(target, (0, 1, 1, 2, 3, 4, 4, 5))
    assert bare.logits is None


def test_a_pass_draws_a_corrected_image_so_often(target):
    heavy = retrain.weighed(target, {target.samples[2].name}, 3)
    sides = batches.shares([target], heavy, 4, 0.5)
    augment = Augment(AugmentParams(crop_width=32, crop_height=32))
    draws = Draws(sides, augment, 0)
    drawn = Counter(name for step in range(4) for name in draws[step].target.names)
    assert drawn == Counter({s.image: 3 if i == 2 else 1 for i, s in enumerate(target.samples)})


def test_some_predictions_are_in_the_order_that_is_asked_for(target):
    some = replace(
        target, logits=target.logits.only(EASY), domain=retrain.only(target.domain, EASY)
    )
    check(some, target, EASY)
    assert len(target.logits) == IMAGES


@pytest.mark.parametrize("use", ["all", "easy"])
def test_hard_images_have_neither_labels_nor_logits(use, target):
    made = retrain.split_up(params(use=use, hard_share=0.25), target, ranked(target), table())
    check(made.target, target, sorted(EASY) if use == "easy" else range(IMAGES))
    assert images(made.hard) == names(target, (1, 2, 5))
    assert made.hard.logits is None
    for index, of in enumerate((1, 2, 5)):
        assert np.array_equal(made.hard.image(index), target.image(of))
        assert (made.hard.label(index) == IGNORE).all()


@pytest.mark.parametrize(("easy", "change"), [
    ((), {"use": "easy"}), (tuple(range(IMAGES)), {"hard_share": 0.5}),
    ((), {"use": "easy", "hard_share": 0.5}),
])  # fmt: skip
def test_a_split_without_what_is_asked_for_is_refused_with_the_fix(easy, change, target):
    with pytest.raises(BadInput, match=r"no image is easy, or none hard.*change split\.easy"):
        retrain.split_up(params(**change), target, ranked(target, easy), table())


def test_a_split_without_easy_images_serves_those_who_use_all(target):
    for easy in ((), tuple(range(IMAGES))):
        made = retrain.split_up(params(), target, ranked(target, easy), table())
        assert len(made.target) == IMAGES


@pytest.mark.parametrize(("below", "rare"), [
    (0.0, []), (1e-9, [2]), (0.01, [2]), (0.0101, [1, 2]), (0.5, [1, 2]), (1.0, [0, 1, 2])
])  # fmt: skip
def test_classes_below_a_share_of_the_predicted_pixels_are_rare(below, rare, target):
    pseudo = retrain.Pseudo(target, None, table(predicted=(990, 10, 0)))
    assert pseudo.rare(below) == rare


def test_where_nothing_was_predicted_no_class_is_rare(target):
    assert retrain.Pseudo(target, None, table(predicted=(0, 0, 0))).rare(0.5) == []


# --- training ------------------------------------------------------------------------------

WITH_HARD = {"use": "easy", "hard_share": 0.25, "source_share": 0.5}
OPTIONS = {
    "self_training": ({}, {"source", "target"}),
    "mrkld": ({"options": {"regulariser": "mrkld"}}, {"source", "target", "regulariser"}),
    "mrent": ({"options": {"regulariser": "mrent"}}, {"source", "target", "regulariser"}),
    "mrl2": ({"options": {"regulariser": "mrl2"}}, {"source", "target", "regulariser"}),
    "lrent": ({"options": {"soft_alpha": 0.25}}, {"source", "target"}),
    "own norm": ({"options": {"norm": "own"}}, {"source", "target"}),
    "tpld": ({"objective": "tpld"}, {"source", "target", "regulariser"}),
    "tpld dense": (
        {"objective": "tpld", "options": {"dense": True}, **WITH_HARD},
        {"source", "target", "regulariser", "adversarial", "told", "accuracy"},
    ),
    "intra_domain": (
        {"objective": "intra_domain", **WITH_HARD, "source_share": 0, "hard_share": 0.5},
        {"target", "adversarial", "told", "accuracy"},
    ),
    "mined": (
        {"augment": {"crop_width": 32, "crop_height": 32, "mine": 1.0}}, {"source", "target"},
    ),
}  # fmt: skip


def trained(given, target, scenes, fabric, **changes):
    """A model, and the logged values of each step."""
    pseudo = retrain.split_up(given, target, ranked(target), table(**changes))
    logged = []
    log = lambda _, values: logged.append(values)  # noqa: E731
    source = scenes(4, size=SIZE)
    return retrain.run(given, small(), [source], pseudo, fabric, log), logged


@pytest.mark.parametrize("name", OPTIONS)
def test_retraining_changes_the_weights_and_logs_its_terms(name, target, scenes, fabric):
    change, terms = OPTIONS[name]
    made, logged = trained(params(**change), target, scenes, fabric)
    assert len(logged) == 2
    for values in logged:
        assert set(values) == {"lr", *terms}
        assert all(np.isfinite(value) for value in values.values())
    start = small()
    changed = [
        not torch.equal(a, b) for a, b in zip(made.parameters(), start.parameters(), strict=True)
    ]
    assert all(changed)
    assert not made.training
    again, _ = trained(params(**change), target, scenes, fabric)
    assert equal(made, again)


def test_every_objective_of_a_round_is_in_the_table():
    able = {
        name for name in parts.names("objectives")
        if "target" in parts.find("objectives", name).labels
    }  # fmt: skip
    assert able == {params(**change).objective for change, _ in OPTIONS.values()}


class Unread(Predictions):
    def __init__(self):
        pass

    def only(self, indices):
        return self

    def __len__(self):
        return IMAGES

    def __getitem__(self, index):
        raise AssertionError("read")


@pytest.mark.parametrize("name", OPTIONS)
def test_logits_are_read_for_soft_labels_alone(name, target, scenes, fabric):
    change, _ = OPTIONS[name]
    given = params(**change)
    unread = replace(target, logits=Unread())
    if name in ("lrent", "tpld dense"):
        with pytest.raises(AssertionError, match="read"):
            trained(given, unread, scenes, fabric)
        return
    made, _ = trained(given, unread, scenes, fabric)
    assert equal(made, trained(given, target, scenes, fabric)[0])


@pytest.mark.parametrize("name", OPTIONS)
def test_thresholds_matter_to_the_objectives_that_use_them(name, target, scenes, fabric):
    change, _ = OPTIONS[name]
    one, two = (
        trained(params(**change), target, scenes, fabric, k=k)[0]
        for k in ((0.1, 0.2, 0.0), (0.1, 0.8, 0.4))
    )
    assert equal(one, two) == (name not in ("lrent", "tpld", "tpld dense"))


def test_rare_classes_matter_where_they_are_mined(target, scenes, fabric):
    label = np.zeros(SIZE[::-1], np.uint8)
    label[-1, -1] = 2
    for sample in target.samples:
        pictures.write_label(target.folder / f"{sample.name}.png", label, THREE.colours)
    for mine, same in ((1.0, False), (0.0, True)):
        given = params(augment={"crop_width": 32, "crop_height": 32, "mine": mine})
        one, two = (
            trained(given, target, scenes, fabric, predicted=predicted)[0]
            for predicted in ((9, 9, 0), (9, 9, 9))
        )
        assert equal(one, two) == same


def test_a_crop_too_small_for_a_discriminator_stops_with_the_fix(target, scenes, fabric):
    change, _ = OPTIONS["intra_domain"]
    given = params(**change, augment={"crop_width": 40, "crop_height": 31})
    with pytest.raises(BadInput, match="a crop of 40x31 is too small for the discriminator"):
        trained(given, target, scenes, fabric)


# --- as a stage ----------------------------------------------------------------------------


@pytest.fixture
def stage(target, scenes, tmp_path, monkeypatch):
    """Runs the stage for a round up to its training; returns what it would train with."""
    monkeypatch.chdir(tmp_path)
    source = scenes(20, size=SIZE)
    model.save(Path("start.pt"), small())
    artifacts.write_sources(Path("source.parquet"), {"game": source})
    artifacts.write_domain(Path("target.parquet"), target.domain, labelled=False)
    artifacts.write_table(Path("split.csv"), ranked(target))
    artifacts.write_table(Path("thresholds.csv"), table())
    for name in (f"{target.samples[2].name}.png", "images.csv"):
        (tmp_path / "corrections").mkdir(exist_ok=True)
        (tmp_path / "corrections" / name).touch()
    ins = {"initial": "start.pt", "source": "source.parquet", "target": "target.parquet",
           "labels": "labels", "split": "split.csv", "predictions": "predictions",
           "corrections": "corrections",
           "thresholds": "thresholds.csv", "model": "made.pt", "curve": "curve.csv",
           "unfinished": "unfinished"}  # fmt: skip
    argv = [word for name, at in ins.items() for word in (f"--{name}", at)]
    found = {}

    def capture(params, start, sources, pseudo, fabric, log, checkpoint):
        found.update(params=params, source=sources[0], pseudo=pseudo)
        return start

    monkeypatch.setattr(retrain, "run", capture)

    def call(name, shared, rounds):
        content = {
            "seed": 5, "source": {"game": {"root": str(tmp_path)}},
            "prepare": {"target": {"root": str(tmp_path)}},
            "compute": {"accelerator": "cpu", "precision": "32-true"},
            "pretrain": {"s": {}}, "training": {k: TRAINING[k] for k in ("batch", "augment")},
            "split": {"ranker": "entropy", "easy": 0.5}, "pseudo_label": {"labeler": "cbst"},
            "retrain": {"steps": 2, "objective": "self_training", **shared},
            "rounds": {
                key: {"teacher": "s", "start": "s", "retrain": own} for key, own in rounds.items()
            },
        }  # fmt: skip
        YAML(typ="safe").dump(content, Path("params.yaml"))
        monkeypatch.setattr(sys, "argv", ["retrain", name, *argv])
        retrain.main()
        return dict(found)

    return call


ROUNDS = {"r1": {"source_portion": 0.25}, "r2": {"source_portion": 0.5}}


@pytest.mark.parametrize("draw", ["fresh", "nested"])
def test_rounds_draw_their_source_anew_or_add_to_it(draw, stage, scenes):
    one, two = (stage(name, {"source_draw": draw}, ROUNDS) for name in ("r1", "r2"))
    assert [made["params"].seed for made in (one, two)] == [
        derived_seed(5, name) for name in ("r1", "r2")
    ]
    for made, share in ((one, 0.25), (two, 0.5)):
        seed = 5 if draw == "nested" else made["params"].seed
        expected = retrain.portion(scenes(20, size=SIZE), share, seed)
        assert images(made["source"]) == images(expected)
    smaller, larger = (set(images(made["source"])) for made in (one, two))
    assert (smaller < larger) == (draw == "nested")


def test_a_stage_hands_on_pseudo_labels_and_their_logits(stage, target):
    made = stage("r1", {"use": "easy"}, {"r1": {}})
    check(made["pseudo"].target, target, sorted(EASY))
    assert made["pseudo"].thresholds["k"].tolist() == pytest.approx([0.1, 0.2, 0.0])
    assert len(made["source"]) == 20
    assert equal(model.load(Path("made.pt")), small())


def test_a_stage_weighs_the_corrections_in_force(stage, target):
    made = stage("r1", {"corrected_weight": 2}, {"r1": {}})
    check(made["pseudo"].target, target, (0, 1, 2, 2, 3, 4, 5))


def test_a_round_that_contradicts_itself_is_refused_before_anything_is_read(stage):
    with pytest.raises(BadInput, match=r"rounds\.r1\.retrain\.hard_share = 0: intra_domain"):
        stage("r1", {"objective": "intra_domain", "source_share": 0}, {"r1": {}})
