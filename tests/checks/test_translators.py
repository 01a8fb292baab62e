"""What a translation must say of its translator, and what would do nothing."""

import pytest

from pipeline.checks import translators
from pipeline.runtime.contents import overlay
from pipeline.runtime.files import BadInput
from tests.translating import PARAMS, TRAINING, painted

TRAINED = {"translator": "cyclegan", "segmenter": "none", "training": TRAINING}


def lines(fit, **translate):
    content = overlay(PARAMS, painted(fit_translator=fit, translate={"copies": 1, **translate}))
    return [*translators.contradictions(content)]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("translator", "fastcut", ".translator: belongs to fit_translator itself; move it there"),
        ("options", {"cycle": 5}, ".options: belongs to fit_translator itself; move it there"),
        ("segmenter", "source", ".segmenter: belongs to fit_translator itself; move it there"),
        ("references", "mean", ".references: belongs to fit_translator itself; move it there"),
        ("source", "game", ".source: belongs to the translation itself; move it there"),
        ("frozen_norm", True, ".frozen_norm = true: generators have no batch norm; set it to"),
        ("augment", {"mine": 0.8}, ".augment.mine = 0.8: only a round has classes to mine; set it"),
    ],
)
def test_what_a_training_cannot_say_is_told(key, value, said):
    (found,) = lines(overlay(TRAINED, {"training": {key: value}}))
    assert found.startswith(f"translations.painted.fit_translator.training{said}")


def test_crops_that_are_drawn_anew_are_matched_by_none():
    mixed = overlay(
        PARAMS, {"source": {"drawn": {}}, "mix": {"games": {"one": "game", "other": "drawn"}}}
    )
    found = {}
    for matched, sampling in ((True, {}), (True, None), (False, {})):
        fit = TRAINED | {
            "translator": "madan",
            "segmenter": "source",
            "options": {"matched": matched},
        }
        fit["training"] = TRAINING | {"sampling": sampling}
        given = painted(source="games", fit_translator=fit, translate={"copies": 1})
        found[matched, sampling is None] = [*translators.contradictions(overlay(mixed, given))]
    (said,) = found.pop((True, False))
    assert said.startswith("translations.painted.fit_translator.training.sampling: draws crops of")
    assert [*found.values()] == [[], []]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"training": None}, ".training is missing: cyclegan is trained; give it steps"),
        ({"translator": "lab"}, ".training: lab is measured, not trained; take it out"),
        ({"references": "mean"}, ".references: cyclegan has none; take it out"),
        ({"segmenter": "source"}, ".segmenter = source: cyclegan looks at images alone; set it to"),
        ({"translator": "cycada"}, ".segmenter = none: cycada needs a model to look at its"),
    ],
)
def test_what_contradicts_itself_is_told(changes, said):
    assert lines(TRAINED) == []
    found = lines(TRAINED | changes)
    assert [line for line in found if f"translations.painted.fit_translator{said}" in line] == found
    assert len(found) == 1
    content = overlay(PARAMS, painted(fit_translator=TRAINED | changes))
    with pytest.raises(BadInput, match=r"params\.yaml: translations\.painted"):
        translators.check(content, "painted")


def test_copies_that_are_all_the_same_are_refused_and_those_with_noise_are_not():
    (said,) = lines(TRAINED, copies=2)
    assert said.startswith("translations.painted.translate.copies: of cyclegan each copy is the")
    noisy = {"translator": "pixelda", "segmenter": "source"}
    assert lines(TRAINED | noisy, copies=2) == []


def test_copies_of_one_reference_are_the_same_but_for_their_noise():
    (said,) = lines({"references": "mean"}, copies=2)
    told = "translations.painted.translate.copies: of lab with references = mean each copy is the"
    assert said.startswith(told)
    assert lines({"references": "random"}, copies=2) == lines({"references": "mean"}) == []
    noisy = {"translator": "appearance", "references": "mean", "segmenter": "source"}
    assert lines(noisy, copies=2) == []


def test_several_sources_need_a_mix_and_an_image_of_each_in_a_batch():
    madan = TRAINED | {"translator": "madan", "segmenter": "source"}
    (said,) = lines(madan)
    assert said == (
        "translations.painted.source = game: is a single one, and madan learns from several at "
        "once; name a mix"
    )
    mixed = {"source": {"drawn": {}}, "mix": {"games": {"one": "game", "other": "drawn"}}}
    for batch, problems in ((1, 1), (2, 0)):
        fit = madan | {"training": TRAINING | {"batch": batch}}
        both = painted(source="games", fit_translator=fit, translate={"copies": 1})
        found = [*translators.contradictions(overlay(overlay(PARAMS, mixed), both))]
        told = "training.batch = 1: has no image of each of the 2 sources, as madan needs; raise"
        assert [told in line for line in found] == [True] * problems


def test_a_mean_of_two_models_has_no_features_to_look_at():
    means = {"mean": {"both": {"one": "source", "other": "warm"}}}

    def found(translator, segmenter, **judge):
        given = painted(
            fit_translator={"translator": translator, "segmenter": segmenter},
            evaluate_translation=judge, translate={"copies": 1},
        )  # fmt: skip
        content = overlay(overlay(PARAMS, means), given)
        return [
            line.removeprefix("translations.painted.")
            for line in translators.contradictions(content)
        ]

    (said,) = found("appearance", "both")
    assert said.startswith("fit_translator.segmenter = both: is a mean of two models, and features")
    (said,) = found("lab", "none", model="both")
    assert said.startswith("evaluate_translation.model = both: is a mean of two models")
    assert said.endswith("name one of the two")
    assert found("appearance", "source", adapted="both") == []
    assert found("lab", "none", model="both", features={"backbone": "resnet18"}) == []


def test_an_unknown_translator_is_its_stages_to_refuse():
    assert lines({"translator": "ghost"}) == []
