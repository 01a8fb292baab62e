"""The contract of the objectives, and each one's terms by slow references."""

from collections import Counter
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from pipeline.domain.batches import Batch
from pipeline.domain.taxonomy import IGNORE
from pipeline.model import model
from pipeline.objectives import fcns_in_the_wild
from pipeline.runtime import parts
from pipeline.runtime.compute import Compute
from pipeline.runtime.files import BadInput
from pipeline.runtime.launch import launch
from pipeline.training import loop, losses, passes
from pipeline.training.objective import build_objective
from tests import memory
from tests.memory import (
    CLASSES,
    CONTEXT,
    HEIGHT,
    WIDTH,
    WINDOWS,
    Memory,
    TwoHeads,
    batch,
    labelled,
    padding,
    params,
    recipe,
)
from tests.references import log_softmax, upsample


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


# --- the contract --------------------------------------------------------------------------


@pytest.fixture(params=parts.names("objectives"))
def objective(request):
    return memory.objective(request.param)


def test_an_objective_yields_finite_terms_that_move_their_groups(objective):
    made = memory.start(objective).train()
    groups = {"network": made, **objective.modules}
    before = {key: value.clone() for key, value in made.state_dict().items()}
    reached, names = Counter(), []
    sides = (*objective.sides, *getattr(objective, "optional", ()))
    for loss in objective.losses(made, batch(sides)):
        assert loss.group in groups
        both = [*loss.terms.values(), *loss.seen.values()]
        assert all(term.shape == () and term.isfinite() for term in both)
        assert not any(term.requires_grad for term in loss.seen.values())
        moved = list(groups[loss.group].parameters())
        sum(loss.terms.values()).backward(inputs=moved)
        reached[loss.group] += sum(bool(p.grad is not None and p.grad.any()) for p in moved)
        names += loss.terms
    if not reached:  # an objective without a loss does its work on the statistics
        assert any(not torch.equal(before[k], v) for k, v in made.state_dict().items())
        return
    assert set(reached) == set(groups)
    assert all(reached.values())
    assert len(set(names)) == len(names)


def test_an_objective_says_which_sides_it_needs(objective):
    known = set(Batch._fields)
    assert objective.sides
    assert set(objective.sides) | set(getattr(objective, "optional", ())) <= known
    assert set(objective.labels) <= set(objective.sides) - {"hard"}


def terms(name, given, network, **options):
    made = memory.objective(name, **options)
    (loss,) = made.losses(network, given)
    assert loss.group == "network"
    return loss.terms


def test_self_training_adds_both_sides():
    network, given = TwoHeads(), batch()
    found = terms("self_training", given, network, target=0.7, aux=0.2)
    pixels = sum((side.labels != IGNORE).sum() for side in given if side is not None)
    for name, side, weight in (("source", given.source, 1.0), ("target", given.target, 0.7)):
        expected = 0
        for maps, share in zip(network(side.images)[:2], (1, 0.2), strict=True):
            log = F.interpolate(maps, (HEIGHT, WIDTH), mode="bilinear").log_softmax(1)
            picked = [
                -log[n, side.labels[n, y, x], y, x]
                for n, y, x in (side.labels != IGNORE).nonzero().tolist()
            ]
            expected += share * torch.stack(picked).sum() / pixels
        torch.testing.assert_close(found[name], weight * expected)


@pytest.mark.parametrize("side", ["source", "target"])
def test_self_training_on_one_side(side):
    network = TwoHeads()
    alone, both = batch((side,)), batch()
    found = terms("self_training", alone, network)
    assert [*found] == [side]
    own, all_ = (sum((s.labels != IGNORE).sum() for s in b if s) for b in (alone, both))
    expected = terms("self_training", both, network)[side] * all_ / own
    torch.testing.assert_close(found[side], expected)


def statistics(network):
    return {k: v.clone() for k, v in network.state_dict().items() if "running" in k}


def passed(name, given, **options):
    """Weights unchanged; the running statistics after one step of an objective."""
    of = memory.objective(name, **options)
    made = memory.start(of).train()
    for _ in of.losses(made, given):
        pass
    return statistics(made)


def test_adapt_norm_moves_statistics_and_nothing_else(fabric):
    made = model.create(recipe(), 0)
    weights = {k: v.clone() for k, v in made.named_parameters()}
    adapting = parts.build("objectives", "adapt_norm", {})
    target = Memory(4, "t", seed=1)
    drawn = [batch(("target",))] * 80
    loop.train(made, adapting, drawn, 80, params(), fabric, lambda *_: None)
    assert all(torch.equal(weights[k], v) for k, v in made.named_parameters())
    images = labelled(target, WINDOWS).images
    x = (images.float() / 255 - made.mean) / made.std
    torch.testing.assert_close(
        made.network.stem[1].running_mean,
        made.network.stem[0](x).mean((0, 2, 3)),
        rtol=1e-2,
        atol=1e-3,
    )


def test_own_norm_keeps_the_targets_statistics_alone():
    own = passed("self_training", batch(), norm="own")
    alone = passed("self_training", batch(("target",)), norm="own")
    joint = passed("self_training", batch())
    assert all(torch.equal(own[key], alone[key]) for key in own)
    assert any(not torch.equal(own[key], joint[key]) for key in own)


def test_statistics_are_counted_again_after_a_fixed_pass():
    made = model.create(recipe(), 0).train()
    before = statistics(made)
    with passes.fixed_statistics(made):
        made(batch().source.images)
    assert all(torch.equal(before[k], v) for k, v in statistics(made).items())
    made(batch().source.images)
    assert any(not torch.equal(before[k], v) for k, v in statistics(made).items())


def test_source_only_never_looks_at_the_target():
    network = TwoHeads()
    found = terms("source_only", batch(("source",)), network)
    torch.testing.assert_close(found, terms("source_only", batch(), network))
    expected = terms("self_training", batch(("source",)), network)
    torch.testing.assert_close(found, expected)


# --- passes --------------------------------------------------------------------------------

SEVERAL = ("collaborative", "deep_cocktail", "mdan", "moment_matching")
"""Of several sources at once."""
BY_FEATURES = ("adda", "fcan", "generate_to_adapt")
"""Of features, or scores, of both sides at once."""
HEADS = {"clan": {"both": True}} | {name: {"shares": [0.3, 0.7]} for name in SEVERAL[:2]}
"""What networks of two heads are given for an objective that asks for more classifiers."""
PASSES = {
    "source_only": ["source"],
    "adapt_norm": ["target"],
    "minent": ["source", "target"],
    "advent": ["source", "target"],
    "intra_domain": ["target", "hard"],
    "self_training": ["source+target"],
    "tpld": ["source+target", "hard"],
    "online": ["source", "mixed", "masked"],
    **{name: ["source", "target"] for name in ("adaptsegnet", "clan", "fcns_in_the_wild", "road")},
    **{name: ["source", "target"] for name in (*BY_FEATURES, *SEVERAL, "madan")},
}
OWN = {"self_training": ["source", "target"], "tpld": ["source", "target", "hard"]}


def images_of(given, name):
    return torch.cat([getattr(given, side).images for side in name.split("+")])


@pytest.mark.parametrize(("name", "expected", "options"), [
    *((name, found, {}) for name, found in PASSES.items()),
    *((name, found, {"norm": "own"}) for name, found in OWN.items()),
])  # fmt: skip
def test_sides_pass_the_network_in_order(name, expected, options):
    network, given = TwoHeads(**HEADS.get(name, {})), batch(Batch._fields)
    made = memory.objective(name, **options)
    for _ in made.losses(memory.begun(made, network), given):
        pass
    assert len(network.seen) == len(expected)
    for seen, side in zip(network.seen, expected, strict=True):
        assert torch.equal(seen, images_of(given, side))


def test_every_objective_is_in_the_table_of_passes():
    assert {*PASSES} >= {*parts.names("objectives")}


OF_WARMUPS = (
    "adaptsegnet", "advent", "clan", "fcns_in_the_wild", "minent", "road", *BY_FEATURES, *SEVERAL
)  # fmt: skip


@pytest.mark.parametrize(("name", "options", "counted"), [
    *((name, {}, ["source", "target"]) for name in OF_WARMUPS),
    *((name, {"own_norm": True}, ["target"]) for name in OF_WARMUPS),
    ("intra_domain", {}, ["target", "hard"]),
    ("self_training", {}, ["source+target"]),
    ("self_training", {"norm": "own"}, ["target"]),
    ("tpld", {}, ["source+target", "hard"]),
    ("tpld", {"norm": "own"}, ["target", "hard"]),
    ("online", {}, ["source", "mixed", "masked"]),
    ("online", {"own_norm": True}, ["mixed", "masked"]),
])  # fmt: skip
def test_running_statistics_are_those_of_the_passes_that_count(name, options, counted):
    given = batch(Batch._fields)
    found = passed(name, given, **options)
    made = model.create(recipe(), 0).train()
    for side in counted:
        made(images_of(given, side))
    expected = statistics(made)
    assert found.keys() >= expected.keys()
    for key, value in found.items():
        same = key.replace("others.0", "network")  # a copy of it, which passes the same
        torch.testing.assert_close(value, expected[same], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", OF_WARMUPS)
def test_own_norm_changes_no_term(name):
    """Batch norm uses the batch's statistics either way."""
    made = memory.start(memory.objective(name)).train()
    one, two = (values(name, batch(), deepcopy(made), own_norm=own) for own in (False, True))
    assert one == two


@pytest.mark.parametrize("name", OWN)
def test_own_statistics_change_the_terms_of_a_network_with_batch_norm_alone(name):
    given = batch()
    own, joint = (
        values(name, given, model.create(recipe(), 0).train(), norm=norm)
        for norm in ("own", "joint")
    )
    assert [*own] == [*joint] == [t for t in ("source", "target", "regulariser") if t in own]
    assert own["source"] != pytest.approx(joint["source"], rel=1e-3)
    network = TwoHeads()
    own, joint = (values(name, given, network, norm=norm) for norm in ("own", "joint"))
    assert own == pytest.approx(joint, rel=1e-5)


# --- references ----------------------------------------------------------------------------


def values(name, given, network, context=CONTEXT, **options):
    """All terms of one step."""
    torch.manual_seed(0)  # of dropout, as the loop does
    made = memory.objective(name, 0, context, **options)
    return {
        key: term.item() for loss in made.losses(network, given) for key, term in loss.terms.items()
    }


def logs(maps):
    """log p, float64 (N, C, HEIGHT, WIDTH)."""
    full = [log_softmax(upsample(m, HEIGHT, WIDTH)) for m in maps.detach().numpy()]
    return np.stack(full)


def hard_sum(maps, labels):
    """The sum of -log p of the label, pixel by pixel."""
    log = logs(maps)
    return sum(-log[n, labels[n, y, x], y, x] for n, y, x in np.argwhere(labels != IGNORE))


def soft_reference(side, k, power):
    """A soft label (N, C, HEIGHT, WIDTH) from its place in the teacher's grid."""
    found = np.empty((len(side.labels), CLASSES, HEIGHT, WIDTH))
    for n, (grid, (x0, y0, x1, y1)) in enumerate(
        zip(side.logits.double().numpy(), side.windows.tolist(), strict=True)
    ):
        x = weights(x0 + (x1 - x0) * (np.arange(WIDTH) + 0.5) / WIDTH, grid.shape[2])
        y = weights(y0 + (y1 - y0) * (np.arange(HEIGHT) + 0.5) / HEIGHT, grid.shape[1])
        found[n] = log_softmax(np.einsum("yi,cij,xj->cyx", y, grid, x))
    return np.exp(np.stack([log_softmax(power * (one + k[:, None, None])) for one in found]))


def weights(places, cells):
    """Of each cell at each place: a hat of one cell to both sides, flat beyond the last centres."""
    at = np.clip(places * cells - 0.5, 0, cells - 1)
    return np.clip(1 - np.abs(at[:, None] - np.arange(cells)), 0, None)


def count(*sides):
    return sum(int((side.labels != IGNORE).sum()) for side in sides)


def mean_regulariser(kind, maps, labels):
    p = np.exp(logs(maps)).transpose(0, 2, 3, 1)[labels != IGNORE]
    each = {
        "mrkld": -np.log(p).mean(1), "mrent": (p * np.log(p)).sum(1), "mrl2": (p**2).sum(1)
    }  # fmt: skip
    return each[kind].mean()


def within(side, height=HEIGHT, width=WIDTH):
    """bool (N, height, width): what is no padding."""
    return ~np.stack([padding(window, height, width) for window in side.windows.tolist()])


def judged(objective, side, maps, aim, level=""):
    """Binary cross-entropy of the discriminator on a side's maps of weighted self-information."""
    log = logs(maps)
    seen = -np.exp(log) * log / np.log(CLASSES) * within(side)[:, None]
    return unpadded(bce(decisions(objective, seen, level), aim), side)


def unpadded(each, side):
    """The mean of values (N, 1, h, w) of cells, each by how many of its pixels are no padding."""
    rows, columns = each.shape[-2:]
    blocks = within(side).reshape(-1, rows, HEIGHT // rows, columns, WIDTH // columns)
    shares = blocks.mean((2, 4))
    assert 0 < shares.min() < 1 or 0 in shares  # some is padded
    return (each.reshape(shares.shape) * shares).sum() / shares.sum()


def probabilities(side, maps):
    """p of a side's maps, 0 on padding."""
    return np.exp(logs(maps)) * within(side)[:, None]


def decisions(objective, maps, level=""):
    """The discriminator's logits, float64."""
    with torch.no_grad():
        found = objective.modules[f"discriminator{level}"](torch.as_tensor(maps).float())
    return found.double().numpy()


def bce(logits, side):
    return np.logaddexp(0, -logits if side else logits)


def source_term(network, side, aux, pixels):
    main, other = network(side.images)[:2]
    labels = side.labels.numpy()
    return (hard_sum(main, labels) + aux * hard_sum(other, labels)) / pixels


# --- self-training -------------------------------------------------------------------------

DEFAULTS = {"mrkld": 0.01, "mrent": 0.1, "mrl2": 0.025}


@pytest.mark.parametrize("weight", [None, 0.0, 0.3])
@pytest.mark.parametrize("kind", DEFAULTS)
def test_a_regulariser_is_weighted_once(kind, weight):
    network, given = TwoHeads(), batch()
    found = values("self_training", given, network, regulariser=kind, weight=weight)
    plain = values("self_training", given, network)
    each = mean_regulariser(kind, network(given.target.images).logits, given.target.labels)
    factor = DEFAULTS[kind] if weight is None else weight
    assert [*found] == ["source", "target", "regulariser"]
    assert found["regulariser"] == pytest.approx(factor * each, rel=1e-5)
    assert {name: found[name] for name in plain} == plain


@pytest.mark.parametrize("kind", DEFAULTS)
def test_a_regulariser_without_a_pseudo_label_is_zero(kind):
    given = batch()
    nothing = given.target._replace(labels=torch.full_like(given.target.labels, IGNORE))
    found = values(
        "self_training", given._replace(target=nothing), TwoHeads(), regulariser=kind, weight=1.0
    )
    assert found["target"] == found["regulariser"] == 0
    assert found["source"] > 0


def test_no_regulariser_ignores_a_weight():
    found = values("self_training", batch(), TwoHeads(), weight=5.0)
    assert [*found] == ["source", "target"]


@pytest.mark.parametrize("alpha", [1.0, 0.25])
def test_self_training_learns_soft_labels(alpha):
    network, given = TwoHeads(), batch()
    found = values("self_training", given, network, soft_alpha=alpha, target=0.7, aux=0.2)
    pixels, target = count(given.source, given.target), given.target
    main, other = network(target.images)[:2]
    soft = soft_reference(target, CONTEXT["k"].numpy(), 1 / alpha)
    kept = (target.labels != IGNORE).numpy()[:, None]
    expected = -(soft * logs(main) * kept).sum() / pixels
    expected += 0.2 * hard_sum(other, target.labels.numpy()) / pixels
    assert found["target"] == pytest.approx(0.7 * expected, rel=1e-4)
    source = source_term(network, given.source, 0.2, pixels)
    assert found["source"] == pytest.approx(source, rel=1e-5)


def test_soft_labels_of_a_small_alpha_are_hard():
    network, given = TwoHeads(), batch()
    heaviest = soft_reference(given.target, CONTEXT["k"].numpy(), 1.0).argmax(1)
    labels = torch.where(given.target.labels == IGNORE, IGNORE, torch.from_numpy(heaviest))
    given = given._replace(target=given.target._replace(labels=labels))
    hard = values("self_training", given, network)
    found = values("self_training", given, network, soft_alpha=1e-4)
    assert found["target"] == pytest.approx(hard["target"], rel=1e-3)
    softer = values("self_training", given, network, soft_alpha=1.0)
    assert softer["target"] != pytest.approx(hard["target"], rel=1e-2)


@pytest.mark.parametrize(("name", "options"), [
    ("self_training", {"soft_alpha": 0.5}), ("tpld", {"dense": True}), ("tpld", {})
])  # fmt: skip
def test_thresholds_weigh_the_labels_and_none_is_above_one(name, options):
    """k is -log lambda: below 0, which stands for no pixel at all, lambda is 1."""
    network, given = TwoHeads(), batch()
    found = [
        values(name, given, network, {"classes": CLASSES, "k": torch.tensor(k)}, **options)
        for k in ([0.1, 0.5, 0.0], [0.1, 0.5, -1.0], [0.1, 0.2, 0.0])
    ]
    assert found[0] == found[1]
    assert found[0]["target"] != pytest.approx(found[2]["target"], rel=1e-4)


@pytest.mark.parametrize(("name", "options", "soft"), [
    ("self_training", {}, False), ("self_training", {"soft_alpha": 0.25}, True),
    ("tpld", {}, False), ("tpld", {"dense": True}, True),
])  # fmt: skip
def test_an_objective_says_whether_it_learns_soft_labels(name, options, soft):
    assert memory.objective(name, **options).soft == soft
    if not soft:  # and needs nothing for them
        given = batch()
        plain = given._replace(target=given.target._replace(logits=None))
        network = TwoHeads()
        assert values(name, plain, network, **options) == values(name, given, network, **options)


# --- tpld ----------------------------------------------------------------------------------


def bootstrapping_sum(maps, target, learned, k, beta):
    """The sum over `learned` (N, H, W) of TPLD's loss."""
    log = logs(maps) + k[:, None, None]
    each = -((beta * target + (1 - beta) * np.exp(log)) * log).sum(1)
    return each[learned].sum()


def one_hot(labels):
    return np.stack([labels == c for c in range(CLASSES)], 1).astype(float)


@pytest.mark.parametrize("beta", [0.9, 0.5])
def test_tplds_first_phase(beta):
    network, given = TwoHeads(), batch()
    found = values("tpld", given, network, beta=beta, weight=0.2, aux=0.3)
    assert [*found] == ["source", "target", "regulariser"]
    labels, k = given.target.labels.numpy(), CONTEXT["k"].double().numpy()
    pixels = count(given.source, given.target)
    main, other = network(given.target.images)[:2]
    target = bootstrapping_sum(main, one_hot(labels), labels != IGNORE, k, beta)
    target += 0.3 * hard_sum(other, labels)
    assert found["target"] == pytest.approx(target / pixels, rel=1e-4)
    regulariser = 0.2 * mean_regulariser("mrkld", main, labels)
    assert found["regulariser"] == pytest.approx(regulariser, rel=1e-5)
    source = source_term(network, given.source, 0.3, pixels)
    assert found["source"] == pytest.approx(source, rel=1e-5)


@pytest.mark.parametrize("gamma", [2.0, 1.0])
def test_tplds_second_phase(gamma):
    network, given = TwoHeads(), batch(("source", "target", "hard"))
    options = {"dense": True, "gamma": gamma, "aux": 0.3, "adversarial": 0.4}
    found = values("tpld", given, network, **options)
    assert [*found] == ["source", "target", "regulariser", "adversarial", "told"]
    labels, k = given.target.labels.numpy(), CONTEXT["k"].double().numpy()
    within = ~np.stack([padding(window) for window in WINDOWS])
    assert (labels[~within] == IGNORE).all()
    assert (labels[within] == IGNORE).any()
    pixels = count(given.source) + within.sum()
    main, other = network(given.target.images)[:2]
    sure = (labels != IGNORE)[:, None]
    target = np.where(sure, one_hot(labels), soft_reference(given.target, k, gamma))
    expected = bootstrapping_sum(main, target, within, k, 0.9) + 0.3 * hard_sum(other, labels)
    assert found["target"] == pytest.approx(expected / pixels, rel=1e-4)
    regulariser = 0.01 * mean_regulariser("mrkld", main, labels)
    assert found["regulariser"] == pytest.approx(regulariser, rel=1e-5)
    source = source_term(network, given.source, 0.3, pixels)
    assert found["source"] == pytest.approx(source, rel=1e-5)
    made, hard = memory.objective("tpld"), network(given.hard.images).logits
    assert found["adversarial"] == pytest.approx(0.4 * judged(made, given.hard, hard, 1), rel=1e-4)
    told = judged(made, given.target, main, 1) + judged(made, given.hard, hard, 0)
    told /= 2
    assert found["told"] == pytest.approx(told, rel=1e-4)


def test_dense_labels_alone_do_not_need_hard_images():
    assert [*values("tpld", batch(), TwoHeads(), dense=True)] == ["source", "target", "regulariser"]


def test_hard_images_are_aligned_with_the_easy_ones_and_not_with_the_source():
    network, given = TwoHeads(), batch(("source", "target", "hard"))
    for norm in ("joint", "own"):
        found = values("tpld", given, network, norm=norm)
        brighter = given.source._replace(images=255 - given.source.images)
        moved = values("tpld", given._replace(source=brighter), network, norm=norm)
        assert moved["source"] != found["source"]
        assert moved["told"] == pytest.approx(found["told"], rel=1e-5)


# --- entropy and adversaries ---------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"entropy": 0.4, "aux": 0.3}])
def test_minent_adds_the_targets_mean_entropy(options):
    network, given = TwoHeads(), batch()
    found = values("minent", given, network, **options)
    assert [*found] == ["source", "entropy"]
    aux, weight = options.get("aux", 0.1), options.get("entropy", 1e-3)
    source = source_term(network, given.source, aux, count(given.source))
    assert found["source"] == pytest.approx(source, rel=1e-5)
    log = logs(network(given.target.images).logits)
    entropy = -(np.exp(log) * log).sum(1)[within(given.target)].mean() / np.log(CLASSES)
    assert found["entropy"] == pytest.approx(weight * entropy, rel=1e-5)


@pytest.mark.parametrize("options", [{}, {"adversarial": 0.4, "aux": 0.3}])
@pytest.mark.parametrize(("name", "one", "two"), [
    ("advent", "source", "target"), ("intra_domain", "target", "hard")
])  # fmt: skip
def test_adversaries_make_the_other_side_look_like_the_labelled_one(name, one, two, options):
    network, given = TwoHeads(), batch((one, two))
    found = values(name, given, network, **options)
    assert [*found] == [one, "adversarial", "told"]
    aux, weight = options.get("aux", 0.1), options.get("adversarial", 1e-3)
    resembled, other = getattr(given, one), getattr(given, two)
    expected = source_term(network, resembled, aux, count(resembled))
    assert found[one] == pytest.approx(expected, rel=1e-5)
    made = memory.objective(name)
    maps, others = (network(side.images).logits for side in (resembled, other))
    assert found["adversarial"] == pytest.approx(weight * judged(made, other, others, 1), rel=1e-4)
    told = (judged(made, resembled, maps, 1) + judged(made, other, others, 0)) / 2
    assert found["told"] == pytest.approx(told, rel=1e-4)


@pytest.mark.parametrize("name", ["minent", "advent", "intra_domain"])
def test_the_labels_of_a_side_that_is_only_adapted_are_not_used(name):
    network, given = TwoHeads(), batch(("source", "target", "hard"))
    side = "hard" if name == "intra_domain" else "target"
    nothing = torch.full_like(getattr(given, side).labels, IGNORE)
    without = given._replace(**{side: getattr(given, side)._replace(labels=nothing)})
    assert values(name, without, network) == values(name, given, network)


@pytest.mark.parametrize("power", [0.5, 2.0])
def test_fdas_penalty_is_a_power_of_each_pixels_squared_entropy(power):
    network, given = TwoHeads(), batch()
    found = values("minent", given, network, entropy=0.4, charbonnier=power)
    log = logs(network(given.target.images).logits)
    entropy = -(np.exp(log) * log).sum(1)[within(given.target)] / np.log(CLASSES)
    expected = 0.4 * ((entropy**2 + 1e-8) ** power).mean()
    assert found["entropy"] == pytest.approx(expected, rel=1e-5)
    assert found["source"] == values("minent", given, network)["source"]


def test_its_slope_is_finite_where_a_pixel_is_sure():
    network, given = TwoHeads(), batch()
    torch.nn.init.normal_(network.main.weight, std=1e5)
    made = build_objective("minent", {"entropy": 1.0, "charbonnier": 0.5}, 0, **CONTEXT)
    sum(sum(loss.terms.values()) for loss in made.losses(network, given)).backward()
    assert network.main.weight.grad.isfinite().all()


def test_minents_entropy_begins_where_its_preheat_ends():
    network, given = TwoHeads(), batch()
    made = build_objective("minent", {"entropy": 1.0, "preheat": 0.5}, 0, **CONTEXT)
    found = {}
    for made.progress in (0.0, 0.49, 0.5, 1.0):
        terms = {k: v for loss in made.losses(network, given) for k, v in loss.terms.items()}
        found[made.progress] = terms["entropy"].item()
    assert found[0.0] == found[0.49] == 0
    assert found[0.5] == found[1.0] == values("minent", given, network, entropy=1.0)["entropy"]


def test_minents_gradient_makes_the_target_surer():
    network, given = TwoHeads(), batch()
    stepper = torch.optim.SGD(network.parameters(), 0.5)
    made = build_objective("minent", {"entropy": 1.0}, 0, **CONTEXT)
    before = entropy_of(network(given.target.images).logits)
    for _ in range(10):
        stepper.zero_grad()
        *_, entropy = made.losses(network, given)
        sum(entropy.terms.values()).backward()
        stepper.step()
    assert entropy_of(network(given.target.images).logits) < 0.9 * before


def entropy_of(maps):
    log = logs(maps)
    return -(np.exp(log) * log).sum(1).mean() / np.log(CLASSES)


@pytest.mark.parametrize("squares", [False, True])
def test_adaptsegnet_aligns_the_probabilities_of_two_levels(squares):
    network, given = TwoHeads(), batch()
    options = {"adversarial": 0.4, "adversarial_aux": 0.2, "aux": 0.3, "least_squares": squares}
    found = values("adaptsegnet", given, network, **options)
    assert [*found] == ["source", "adversarial", "adversarial_aux", "told", "told_aux"]
    expected = source_term(network, given.source, 0.3, count(given.source))
    assert found["source"] == pytest.approx(expected, rel=1e-5)
    made = memory.objective("adaptsegnet", **options)
    error = (lambda logits, side: (logits - side) ** 2) if squares else bce
    for place, (level, weight) in enumerate({"": 0.4, "_aux": 0.2}.items()):
        one, other = (
            decisions(made, probabilities(side, network(side.images)[place]), level)
            for side in (given.source, given.target)
        )
        adversarial = weight * unpadded(error(other, 1), given.target)
        assert found[f"adversarial{level}"] == pytest.approx(adversarial, rel=1e-4)
        told = unpadded(error(one, 1), given.source) + unpadded(error(other, 0), given.target)
        told /= 2
        assert found[f"told{level}"] == pytest.approx(told, rel=1e-4)


@pytest.mark.parametrize("name", ["advent", "intra_domain"])
def test_advent_has_a_second_level_on_request(name):
    network, given = TwoHeads(), batch(("source", "target", "hard"))
    found = values(name, given, network, adversarial_aux=0.2)
    made = memory.objective(name, adversarial_aux=0.2)
    one, two = (getattr(given, side) for side in made.sides)
    maps, others = (network(side.images).aux for side in (one, two))
    expected = 0.2 * judged(made, two, others, 1, "_aux")
    assert found["adversarial_aux"] == pytest.approx(expected, rel=1e-4)
    told = (judged(made, one, maps, 1, "_aux") + judged(made, two, others, 0, "_aux")) / 2
    assert found["told_aux"] == pytest.approx(told, rel=1e-4)


@pytest.mark.parametrize("name", ["adaptsegnet", "advent"])
def test_a_second_level_needs_an_auxiliary_head(name):
    with pytest.raises(BadInput, match="adversarial_aux: the network has no auxiliary head"):
        values(name, batch(), model.create(recipe(), 0), adversarial_aux=0.1)


@pytest.mark.parametrize("name", ["advent", "minent"])
@pytest.mark.parametrize(("weight", "relaxed"), [(0.7, 1.0), (2.0, 3.0)])
def test_the_class_ratio_prior_is_what_is_missing_of_each_class(name, weight, relaxed):
    network, given = TwoHeads(), batch()
    found = values(name, given, network, ratio=weight, relaxed=relaxed)
    plain = values(name, given, network)
    assert {key: found[key] for key in plain} == plain
    maps = network(given.target.images).logits.detach().double().numpy()
    least = relaxed * CONTEXT["shares"].double().numpy().mean(0)
    expected = 0
    for grid, own in zip(maps, within(given.target, *maps.shape[2:]), strict=True):
        p = np.exp(log_softmax(grid))
        expected += sum(max(0.0, least[c] - p[c][own].mean()) for c in range(CLASSES)) / len(maps)
    assert expected > 0
    assert found["prior"] == pytest.approx(weight * expected, rel=1e-4)


def test_the_class_ratio_prior_brings_a_lost_class_back():
    logits = torch.tensor([[3.0, 0, -6]]).requires_grad_()
    losses.shortfall(logits.softmax(1), torch.tensor([0.1, 0.0, 0.2])).backward()
    assert logits.grad[0, 2] < 0
    assert losses.shortfall(logits.softmax(1), torch.zeros(3)) == 0


def test_minents_auxiliary_head_is_on_request():
    network, given = TwoHeads(), batch()
    plain = values("minent", given, network)["entropy"]
    found = values("minent", given, network, entropy_aux=0.3)["entropy"]
    log = logs(network(given.target.images).aux)
    aux = -(np.exp(log) * log).sum(1)[within(given.target)].mean() / np.log(CLASSES)
    assert found == pytest.approx(plain + 0.3 * aux, rel=1e-5)


@pytest.mark.parametrize("progress", [0.0, 0.04, 0.05, 0.6])
def test_clan_weighs_the_adversary_by_the_disagreement(progress):
    network, given = TwoHeads(both=True), batch()
    made = memory.objective("clan", adversarial=0.4, unlike=0.3, local=7.0, least=0.2)
    made.progress = progress
    found = {}
    for loss in made.losses(network, given):
        found |= {key: term.item() for key, term in loss.terms.items()}
    assert [*found] == ["source", "unlike", "adversarial", "told"]
    labels = given.source.labels.numpy()
    each = sum(hard_sum(maps, labels) for maps in network(given.source.images).each)
    assert found["source"] == pytest.approx(each / count(given.source), rel=1e-5)
    left = 1 - progress
    weights = [
        np.concatenate([p.detach().double().numpy().ravel() for p in head.parameters()])
        for head in (network.main, network.other)
    ]
    assert found["unlike"] == pytest.approx(0.3 * left * (1 + cosine(*weights)), rel=1e-4)
    target = network(given.target.images)
    one, other = (np.exp(logs(maps)) for maps in target.each)
    judgement = torch.from_numpy(decisions(made, probabilities(given.target, target.logits)))
    local = np.ones(judgement.shape)
    if progress >= 0.05:
        judgement = F.interpolate(judgement, (HEIGHT, WIDTH), mode="bilinear")
        local = np.empty(judgement.shape)
        for n, _, y, x in np.ndindex(local.shape):
            apart = 1 - cosine(one[n, :, y, x], other[n, :, y, x])
            local[n, 0, y, x] = 7 * apart + 0.2
    adversarial = 0.4 * left * unpadded(local * bce(judgement.numpy(), 1), given.target)
    assert found["adversarial"] == pytest.approx(adversarial, rel=1e-3)
    source = given.source
    resembled = decisions(made, probabilities(source, network(source.images).logits))
    told = unpadded(local * bce(judgement.numpy(), 0), given.target)
    told = (unpadded(bce(resembled, 1), source) + told) / 2
    assert found["told"] == pytest.approx(told, rel=1e-3)


def cosine(one, other):
    return (one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum())


def test_clan_makes_its_classifiers_unlike():
    made = memory.objective("clan", adversarial=0.0, unlike=5.0)
    network = memory.start(made)
    network.second.load_state_dict(network.network.classifier.state_dict())
    with torch.no_grad():
        for parameter in network.second.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    stepper = torch.optim.SGD(network.parameters(), 0.05)
    seen = []
    for _ in range(8):
        stepper.zero_grad()
        first = next(iter(made.losses(network, batch())))
        seen.append(first.terms["unlike"].item())
        first.terms["unlike"].backward()
        stepper.step()
    assert seen[0] > 1.9 * 5
    assert seen[-1] < 0.95 * seen[0]


def test_road_stays_near_the_reference_on_the_target():
    made = memory.objective("road", distil=0.6, adversarial=0.2)
    network, given = model.create(recipe(), 0).eval(), batch()
    found = values("road", given, network, distil=0.6, adversarial=0.2)
    assert [*found] == ["source", "adversarial", "distil", "told"]
    reference = model.load(Path(memory.reference())).eval()
    with torch.no_grad():
        own, kept = (m(given.target.images).features.double() for m in (network, reference))
        resembled = network(given.source.images).features
    seen = within(given.target, *own.shape[2:])
    expected = ((own - kept) ** 2).mean(1).numpy()[seen].mean()
    assert found["distil"] == pytest.approx(0.6 * expected, rel=1e-4)
    other, one = by_region(made, own.float()), by_region(made, resembled)
    adversarial = 0.2 * unpadded(bce(other, 1), given.target)
    assert found["adversarial"] == pytest.approx(adversarial, rel=1e-4)
    told = (unpadded(bce(one, 1), given.source) + unpadded(bce(other, 0), given.target)) / 2
    assert found["told"] == pytest.approx(told, rel=1e-4)


def by_region(objective, features):
    """Each cell's logit by the discriminator of its own region, cell by cell."""
    regions = objective.modules["discriminator"].regions
    count, _, *size = features.shape
    places = [np.repeat(range(3), [len(p) for p in np.array_split(range(n), 3)]) for n in size]
    found = np.empty((count, *size))
    with torch.no_grad():
        for y, x in np.ndindex(*size):
            own = regions[3 * places[0][y] + places[1][x]]
            found[:, y, x] = own(features[:, :, y : y + 1, x : x + 1])[:, 0, 0, 0]
    return found


def test_road_refuses_a_reference_of_another_shape(tmp_path):
    path = tmp_path / "wide.pt"
    model.save(path, model.create(recipe(width=8), 0))
    with pytest.raises(BadInput, match=r"wide\.pt: its features are \(16, .*the same network"):
        values("road", batch(), model.create(recipe(), 0), pretrained=path)
    with pytest.raises(BadInput, match=r"nothing\.pt: no such file"):
        memory.objective("road", pretrained=tmp_path / "nothing.pt")
    with pytest.raises(BadInput, match="road: option pretrained is missing"):
        build_objective("road", {}, 0, **CONTEXT)


@pytest.mark.parametrize("shares", [
    [[0.2, 0.3, 0.5], [0.3, 0.2, 0.5]], [[0.9, 0.1, 0.0], [0.7, 0.1, 0.2], [0.8, 0.1, 0.1]]
])  # fmt: skip
def test_fcns_in_the_wild_holds_classes_to_their_sizes(shares):
    network, given = TwoHeads(), batch()
    context = CONTEXT | {"shares": torch.tensor(shares)}
    found = values("fcns_in_the_wild", given, network, context, adversarial=0.3, size=2.0)
    assert [*found] == ["source", "adversarial", "size", "told"]
    made = memory.objective("fcns_in_the_wild")
    shares, total = np.array(shares), 0.0
    maps = network(given.target.images).logits.detach().double().numpy()
    for grid, own in zip(maps, within(given.target, *maps.shape[2:]), strict=True):
        p = np.exp(log_softmax(grid))[:, own]
        for c in range(CLASSES):
            have = shares[shares[:, c] > 0, c]
            lower, upper = np.quantile(have, 0.1), np.quantile(have, 0.9)
            if (p.argmax(0) == c).mean() > 0.1 * lower:
                total += max(0, lower - p[c].mean()) + max(0, p[c].mean() - upper)
    assert total > 0
    assert found["size"] == pytest.approx(2 * total / len(given.target.images), rel=1e-4)
    one, other = (
        decisions(made, network(side.images).features) for side in (given.source, given.target)
    )
    adversarial = 0.3 * unpadded(bce(other, 1), given.target)
    assert found["adversarial"] == pytest.approx(adversarial, rel=1e-4)
    told = (unpadded(bce(one, 1), given.source) + unpadded(bce(other, 0), given.target)) / 2
    assert found["told"] == pytest.approx(told, rel=1e-4)


def test_a_class_that_no_source_image_has_is_not_bounded():
    lower, upper = fcns_in_the_wild.bounds(torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    assert lower.tolist() == [1, 0]
    assert upper.tolist() == [1, 1]


@pytest.mark.parametrize("name", ["road", "fcns_in_the_wild", "fcan", "generate_to_adapt"])
def test_a_network_without_features_is_refused(name):
    with pytest.raises(BadInput, match="gives no features to align"):
        memory.objective(name, 0, CONTEXT | {"features": 0})


def test_minent_of_an_auxiliary_head_needs_one():
    made = memory.objective("minent", entropy_aux=2e-4)
    with pytest.raises(BadInput, match="entropy_aux: the network has no auxiliary head; set it to"):
        [*made.losses(memory.start(made).train(), batch())]


def test_road_begins_where_its_reference_is():
    """The same weights have the same features, whatever batch norm does; and it moves nothing."""
    for frozen in (False, True):
        network, given = model.load(Path(memory.reference())), batch()
        passes.norms(network, frozen)
        made = memory.objective("road", distil=1.0)
        kept = deepcopy(made.reference.state_dict())
        loss = [*made.losses(network, given)][1]
        assert loss.terms["distil"].item() == pytest.approx(0, abs=1e-10)
        for name, value in made.reference.state_dict().items():
            assert torch.equal(kept[name], value) or "num_batches" in name


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize(("name", "options"), [
    ("small", {"width": 4}), ("fcn8s", {"width": 8}), ("segformer", {"drop_path": 0.5}),
])  # fmt: skip
def test_road_begins_where_its_reference_is_in_each_precision_and_with_dropout(
    name, options, precision, tmp_path
):
    path, logged = tmp_path / "reference.pt", []
    model.save(path, model.create(replace(recipe(), network=name, options=options), 3))
    trained = model.load(path)
    context = CONTEXT | {"features": model.channels(trained)}
    made = memory.objective("road", 0, context, pretrained=path, rows=1, columns=1)
    given = params(optimiser=loop.Optimiser(name="sgd", lr=0.0), frozen_norm=name == "small")
    own = launch(Compute(accelerator="cpu", precision=precision))
    loop.train(trained, made, [batch()] * 2, 2, given, own, lambda _, v: logged.append(v))
    assert [values["distil"] for values in logged] == pytest.approx([0, 0], abs=1e-10)
    assert all(values["source"] > 0.1 for values in logged)


@pytest.mark.parametrize("name", [*OF_WARMUPS, "intra_domain", "tpld", "online"])
def test_padding_counts_in_no_term_no_gradient_and_no_accuracy(name):
    options = {"dense": True} if name == "tpld" else {}
    options |= {"ratio": 0.5, "relaxed": 1.0} if name in ("minent", "advent") else {}
    options |= {"preheat": 0.0} if name == "clan" else {}
    options |= {"flip": True, "tau": 0.6} if name == "online" else {}
    options |= {"dropout": 0.0} if name in ("adda", "generate_to_adapt") else {}
    trained, other = (Learning(**HEADS.get(name, {}), stride=1) for _ in range(2))
    found, given = [], batch(Batch._fields)
    for change in (0, 100):
        network = deepcopy(trained)  # its shares change with a step
        made = memory.objective(name, **options)
        made.progress = 0.5
        if name == "road":
            made.reference = other
        memory.begun(made, network)
        sides = [
            side._replace(images=side.images + change * beyond(side)[:, None]) for side in given
        ]
        found.append({})
        for loss in made.losses(network, Batch(*sides)):
            found[-1] |= {k: v.item() for k, v in {**loss.terms, **loss.seen}.items()}
            moved = [*{"network": network, **made.modules}[loss.group].parameters()]
            total = sum(loss.terms.values())
            gradients = torch.autograd.grad(total, moved, allow_unused=True)
            each = {i: g for i, g in enumerate(gradients) if g is not None}
            found[-1] |= {(*loss.terms, i): g.norm().item() for i, g in each.items()}
    assert found[0] == pytest.approx(found[1], rel=1e-4, abs=1e-7)
    assert sum(value > 1e-5 for value in found[0].values()) > 5
    without = ("minent", "moment_matching", "collaborative", "online")
    assert any("accuracy" in str(key) for key in found[0]) == (name not in without)


def beyond(side):
    """bool (N, HEIGHT, WIDTH): padding, onto which nothing is pasted."""
    padded = torch.from_numpy(~within(side))
    return padded if side.pasted is None else padded & ~side.pasted


class Learning(TwoHeads):
    """Two heads whose features have parameters too."""

    def __init__(self, *given, **options):
        super().__init__(*given, **options)
        self.scale = torch.nn.Parameter(torch.rand(8, 1, 1) + 0.5)

    def forward(self, images):
        found = super().forward(images)
        return found._replace(features=found.features * self.scale)


@pytest.mark.parametrize("name", OF_WARMUPS)
def test_a_warmup_sees_no_label_of_the_target(name):
    made, given = memory.start(memory.objective(name)).train(), batch()
    nothing = given.target._replace(labels=torch.full_like(given.target.labels, IGNORE))
    one, two = (
        values(name, each, deepcopy(made)) for each in (given, given._replace(target=nothing))
    )
    assert one == two
