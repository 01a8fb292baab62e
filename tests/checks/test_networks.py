"""What a params file asks of its networks: batch norm, and a classifier of their features."""

from functools import partial

import pytest

from pipeline.checks import networks
from pipeline.runtime.contents import overlay
from tests.nets import PACKAGE

CONTENT = {
    "network": {"name": "small", "options": {"width": 4}},
    "training": {},
    "pretrain": {"source": {"steps": 1}},
    "warmup": {"w": {"from": "source", "objective": "minent", "steps": 1}},
    "retrain": {},
    "rounds": {"r": {"start": "w", "retrain": {"objective": "self_training"}}},
}
ASKING = {
    "adapt_norm": (
        {"warmup": {"w": {"objective": "adapt_norm"}}},
        ["warmup.w.objective = adapt_norm", "leave it out"],
    ),
    "frozen_norm": (
        {"pretrain": {"source": {"frozen_norm": True}}},
        ["pretrain.source.frozen_norm = true", "set it to false"],
    ),
    "frozen_norm of rounds": (
        {"retrain": {"frozen_norm": True}},
        ["rounds.r.retrain.frozen_norm = true", "set it to false"],
    ),
    "own_norm": (
        {"warmup": {"w": {"options": {"own_norm": True}}}},
        ["warmup.w.options.own_norm = true", "set it to false"],
    ),
    "norm own": (
        {"rounds": {"r": {"retrain": {"options": {"norm": "own"}}}}},
        ["rounds.r.retrain.options.norm = own", "set it to joint"],
    ),
    "a teacher's": (
        {"warmup": {"w": {"options": {"statistics": "running"}}}},
        ["warmup.w.options.statistics = running", "set it to batch"],
    ),
}
WITHOUT = {
    "fcn8s": {"name": "fcn8s", "options": {"pretrained": "DEFAULT"}},
    "vgg16": {"name": "deeplabv2", "options": {"backbone": "vgg16"}},
}
WITH = {
    "small": {"name": "small", "options": {}},
    "resnet101": {"name": "deeplabv2", "options": {"pretrained": "DEFAULT"}},
    "lite0": {"name": "deeplabv3plus", "options": PACKAGE},
    "segformer": {"name": "segformer", "options": {}},
    "unheard of": {"name": "unheard of", "options": {}},  # its stage says so
    "of a wrong type": {"name": "small", "options": {"width": "wide"}},
    "of no options": {"name": "small", "options": ["width"]},
}
of = partial(pytest.mark.parametrize, "network")


def problems(change, network):
    return [*networks.contradictions({**overlay(CONTENT, change), "network": network})]


@of(WITHOUT.values(), ids=WITHOUT)
@pytest.mark.parametrize(("change", "told"), ASKING.values(), ids=ASKING)
def test_what_would_do_nothing_is_named_with_its_key_and_a_fix(change, told, network):
    [problem] = problems(change, network)
    assert problem.startswith(told[0])
    assert problem.endswith(told[1])
    assert f"{network['name']} as it is has no batch norm" in problem


@of(WITH.values(), ids=WITH)
@pytest.mark.parametrize(("change", "told"), ASKING.values(), ids=ASKING)
def test_a_network_with_batch_norm_is_let_pass(change, told, network):
    assert problems(change, network) == []


@of(WITHOUT.values(), ids=WITHOUT)
def test_what_asks_nothing_is_let_pass(network):
    assert problems({}, network) == []


@pytest.mark.parametrize("key", ["own_norm", "norm own", "a teacher's"])
def test_what_frozen_statistics_make_nothing_of_is_named(key):
    change, (start, end) = ASKING[key]
    [problem] = problems(overlay(change, {"training": {"frozen_norm": True}}), WITH["small"])
    assert problem.startswith(f"{start}: frozen_norm = true keeps all statistics")
    assert problem.endswith(end)


def test_a_training_at_once_for_all_is_named_for_each():
    found = problems({"training": {"frozen_norm": True}}, WITHOUT["fcn8s"])
    keys = ["pretrain.source", "warmup.w", "rounds.r.retrain"]
    assert [line.partition(".frozen_norm")[0] for line in found] == keys


@pytest.mark.parametrize(("start", "lines"), [("source", 0), ("plain", 1), ("w", 0), ("after", 1)])
def test_the_network_is_that_of_the_model_one_begins_with(start, lines):
    change = {
        "pretrain": {"plain": {"steps": 1, "network": WITHOUT["fcn8s"]}},
        "warmup": {"after": {"from": "plain", "objective": "minent"}},
        "rounds": {"r": {"start": start, "retrain": {"frozen_norm": True}}},
    }
    assert len(problems(change, WITH["small"])) == lines


SPLITTING = [("clan", {}), ("deep_cocktail", {}), ("moment_matching", {"classifiers": True})]


@pytest.mark.parametrize(("objective", "options"), SPLITTING)
def test_more_classifiers_need_one_that_reads_the_features(objective, options):
    change = {"warmup": {"w": {"objective": objective, "options": options}}}
    [problem] = problems(change, WITHOUT["fcn8s"])
    assert problem.startswith(f"warmup.w.objective = {objective}: needs a network whose classifier")
    assert "fcn8s has none; start from a model of another one" in problem
    for network in (WITHOUT["vgg16"], *WITH.values()):
        assert problems(change, network) == []


@pytest.mark.parametrize("objective", ["moment_matching", "mdan", "collaborative"])
def test_one_classifier_is_any_networks(objective):
    assert problems({"warmup": {"w": {"objective": objective}}}, WITHOUT["fcn8s"]) == []
