"""Draws and the loop."""

import itertools
from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from pipeline.domain import batches
from pipeline.domain.augment import Augment
from pipeline.domain.draws import Draws
from pipeline.domain.windows import WHOLE
from pipeline.model import model
from pipeline.runtime import parts
from pipeline.runtime.files import BadInput
from pipeline.training import loop, optimiser
from pipeline.training.loop import Optimiser
from pipeline.training.objective import Loss, build_objective
from tests import memory
from tests.memory import (
    AUGMENT,
    CLASSES,
    CONTEXT,
    HEIGHT,
    PLAIN,
    WIDTH,
    Memory,
    params,
    recipe,
)
from tests.nets import LITE0


def draws(seed=0, rank=0, ranks=1, counts=(3, 2)):
    sides = ([Memory(5, "s")], counts[0]), ([Memory(4, "t", seed=1)], counts[1])
    return Draws(sides, Augment(AUGMENT), seed, rank, ranks)


def same(one, two):
    return all(
        (a is None and b is None)
        or (torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels) and a[2] == b[2])
        for a, b in zip(one, two, strict=True)
    )


def equal(one, two):
    own, other = one.state_dict(), two.state_dict()
    return all(torch.equal(own[key], other[key]) for key in own)


# --- batches -------------------------------------------------------------------------------


def test_a_batch_depends_on_seed_and_step_alone():
    forward = [draws()[step] for step in range(4)]
    of = draws()
    for step in (3, 0, 3, 2, 1):
        assert same(of[step], forward[step])
    for one, two in itertools.combinations([*forward, draws(seed=1)[0]], 2):
        assert not same(one, two)


def test_a_batch_ignores_the_callers_generators():
    torch.manual_seed(1)
    np.random.seed(1)
    one, state = draws()[0], torch.get_rng_state()
    torch.manual_seed(2)
    assert same(draws()[0], one)
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)


def test_workers_change_nothing():
    found = [
        list(DataLoader(draws(), batch_size=None, sampler=range(5), num_workers=workers))
        for workers in (0, 2)
    ]
    assert len(found[0]) == 5
    assert all(same(one, two) for one, two in zip(*found, strict=True))


@pytest.mark.parametrize("counts", [(4, 2), (2, 6), (4, 0)])
def test_two_processes_share_one_batch(counts):
    for step in range(3):
        whole = draws(counts=counts)[step]
        parts = [draws(rank=rank, ranks=2, counts=counts)[step] for rank in range(2)]
        for rank, part in enumerate(parts):
            for own, all_ in zip(part, whole, strict=True):
                assert (own is None) == (all_ is None)
                if own is not None:
                    half = len(own.names)
                    mine = slice(rank * half, (rank + 1) * half)
                    assert torch.equal(own.images, all_.images[mine])
                    assert torch.equal(own.labels, all_.labels[mine])
                    assert own.names == all_.names[mine]


@pytest.mark.parametrize("counts", [(3, 2), (2, 3), (3, 0)])
def test_a_batch_that_processes_cannot_share_alike_is_refused(counts):
    with pytest.raises(BadInput, match=r"3 samples .* 2 processes; choose training\.batch"):
        draws(rank=0, ranks=2, counts=counts)


@pytest.mark.parametrize("counts", [(3, 2), (7, 9), (1, 4)])
def test_every_image_is_drawn_once_before_any_is_drawn_again(counts):
    of = draws(counts=counts)
    for side, size in enumerate((5, 4)):
        names = [name for step in range(40) for name in of[step][side].names]
        passes = [names[i : i + size] for i in range(0, len(names) - size + 1, size)]
        assert all(len(set(p)) == size for p in passes)
        assert len({tuple(p) for p in passes}) > 1


def test_an_image_drawn_again_looks_different():
    one = Memory(1)
    of = Draws((([one], 4), ([one], 4)), Augment(AUGMENT), 0)
    images = [image for step in range(3) for side in of[step][:2] for image in side.images]
    assert len({image.numpy().tobytes() for image in images}) == 3 * 2 * 4


# --- several sources -----------------------------------------------------------------------


def mixed(seed=0, rank=0, ranks=1, sizes=(5, 2, 3), count=4):
    of = [Memory(size, name, seed=size) for size, name in zip(sizes, "xyz", strict=False)]
    return Draws(((of, count), None), Augment(AUGMENT), seed, rank, ranks)


@pytest.mark.parametrize("sizes", [(5, 2), (5, 2, 3)])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_sources_take_turns_over_all_steps(sizes, count):
    of = mixed(sizes=sizes, count=count)
    drawn = [of[step].source for step in range(30)]
    origins = torch.cat([side.origins for side in drawn]).tolist()
    assert drawn[0].origins.dtype == torch.int64
    assert origins == [place % len(sizes) for place in range(30 * count)]
    names = [name for side in drawn for name in side.names]
    assert [name[0] for name in names] == ["xyz"[origin] for origin in origins]
    for origin, size in enumerate(sizes):  # each draws its own images once, then again
        own = [name for name, of in zip(names, origins, strict=True) if of == origin]
        passes = [own[i : i + size] for i in range(0, len(own) - size + 1, size)]
        assert all(len(set(p)) == size for p in passes)


def test_turns_depend_on_seed_and_step_alone():
    one, two, other = mixed(3)[7].source, mixed(3)[7].source, mixed(4)[7].source
    assert one.names == two.names
    assert torch.equal(one.images, two.images)
    assert not torch.equal(one.images, other.images)
    sizes = (6, 6)  # two sources of a size are not drawn in the same order
    drawn = [mixed(sizes=sizes)[step].source.names for step in range(3)]
    first, second = ([n for names in drawn for n in names if n[0] == key] for key in "xy")
    assert [n[1:] for n in first] != [n[1:] for n in second]


def test_one_source_draws_what_it_drew_without_turns():
    alone = Draws((([Memory(5)], 3), None), Augment(AUGMENT), 0)
    for step in range(4):
        side = alone[step].source
        assert side.origins.tolist() == [0, 0, 0]
        order = [
            np.random.default_rng((0, 0, (3 * step + at) // 5)).permutation(5) for at in range(3)
        ]
        expected = [f"s/{order[at][(3 * step + at) % 5]}.png" for at in range(3)]
        assert side.names == expected


def test_each_process_sees_the_sources_in_turn():
    whole = mixed(count=4, sizes=(5, 2))[1].source
    for rank in range(2):
        own = mixed(rank=rank, ranks=2, count=4, sizes=(5, 2))[1].source
        assert own.origins.tolist() == [0, 1]
        assert own.names == whole.names[2 * rank : 2 * rank + 2]


def test_a_source_without_an_image_is_refused_though_another_has_some():
    with pytest.raises(BadInput, match="a side to train on has no image"):
        mixed(sizes=(5, 0))


def test_a_side_may_be_absent():
    source = [Memory(2)], 2
    for of, present in (
        (Draws((source, None), Augment(AUGMENT), 0), [True, False]),
        (Draws((None, source), Augment(AUGMENT), 0), [False, True]),
        (Draws((source, ([Memory(2)], 0)), Augment(AUGMENT), 0), [True, False]),
    ):
        assert [side is not None for side in of[0]] == [*present, False, False, False]


@pytest.mark.parametrize(
    ("batch", "share", "counts"),
    [(8, 0.5, (4, 4)), (3, 0.3, (1, 2)), (4, 0, (0, 4)), (4, 1, (4, 0))],
)
def test_shares_of_a_batch(batch, share, counts):
    source, target = Memory(2), Memory(3)
    sides = batches.shares([source], target, batch, share)
    assert sides == (([source], counts[0]), ([target], counts[1]), None)


def test_shares_with_hard_images():
    source, target, hard = Memory(2), Memory(3), Memory(4)
    for batch, share, hard_share, counts in (
        (8, 0.5, 0.25, (4, 2, 2)), (4, 0, 0.5, (0, 2, 2)), (8, 0.25, 0, (2, 6, 0)),
        (7, 0.3, 0.3, (2, 3, 2)),
    ):  # fmt: skip
        sides = batches.shares([source], target, batch, share, hard, hard_share)
        assert sides == tuple(zip(([source], [target], [hard]), counts, strict=True))


def three(seed=0, rank=0, ranks=1, counts=(2, 2, 3)):
    of = [Memory(5, "s")], [Memory(4, "t", seed=1)], [Memory(6, "h", seed=2)]
    return Draws(tuple(zip(of, counts, strict=True)), Augment(AUGMENT), seed, rank, ranks)


def test_hard_images_are_a_side_of_their_own():
    batches = [three()[step] for step in range(6)]
    for step, batch in enumerate(batches):
        assert [len(side.names) for side in batch[:3]] == [2, 2, 3]
        assert all(name.startswith("h/") for name in batch.hard.names)
        assert same(three()[step], batch)
        assert not same(three(seed=1)[step], batch)
        without = three(counts=(2, 2, 0))[step]
        assert without.hard is None
        assert same(without[:2], batch[:2])  # what the others draw does not hang on it
    names = [name for batch in batches for name in batch.hard.names]
    assert all(len(set(names[i : i + 6])) == 6 for i in range(0, 18, 6))


def test_two_processes_share_the_hard_images():
    for rank in range(2):
        own = three(rank=rank, ranks=2, counts=(2, 2, 4))[1].hard
        whole = three(counts=(2, 2, 4))[1].hard
        mine = slice(2 * rank, 2 * rank + 2)
        assert own.names == whole.names[mine]
        assert torch.equal(own.images, whole.images[mine])
    with pytest.raises(BadInput, match="1 samples of a side"):
        three(rank=0, ranks=2, counts=(2, 2, 1))


class Taught(Memory):
    """A domain with a teacher's logits, all of which are the image's index, read-only."""

    @property
    def logits(self):
        grids = np.ones((len(self), CLASSES, 4, 6), np.float16) * np.arange(len(self)).reshape(
            -1, 1, 1, 1
        ).astype(np.float16)
        grids.flags.writeable = False
        return [SimpleNamespace(logits=grid, window=WHOLE) for grid in grids]


@pytest.mark.parametrize("rank", [None, 1])
def test_a_batch_carries_its_teachers_logits_and_where_its_crops_lie(rank):
    of, augment = Taught(4, "t", seed=1), Augment(AUGMENT)
    sides = ([Memory(5)], 2), ([of], 4), ([Memory(3, "h")], 2)
    split = (0, 1) if rank is None else (rank, 2)
    batches = [Draws(sides, augment, 7, *split)[step] for step in range(3)]
    seen = set()
    for step, batch in enumerate(batches):
        for side in (batch.source, batch.hard):
            assert side.logits is None
            assert side.windows.shape == (len(side.images), 4)
        target, positions = batch.target, range(4)[slice(*((0, 4), (2, 4))[split[0]])]
        assert (target.logits.dtype, target.windows.dtype) == (torch.float16, torch.float32)
        assert target.logits.shape == (len(positions), CLASSES, 4, 6)
        for row, position in enumerate(positions):
            index = [sample.image for sample in of.samples].index(target.names[row])
            assert (target.logits[row] == index).all()
            view = augment(of.image(index), of.label(index), (7, 1, step, position))
            assert torch.equal(target.windows[row], view.window)
            assert torch.equal(target.labels[row], view.label.long())
            seen.add(tuple(target.windows[row].tolist()))
    assert len(seen) == 3 * len(positions)


def test_a_source_without_logits_gives_none_of_them():
    class Hard(Memory):
        logits = None

    for of in (Memory(2), Hard(2)):
        target = Draws((None, ([of], 2)), Augment(AUGMENT), 0)[0].target
        assert target.logits is None
        assert target.windows.shape == (2, 4)


def test_rare_classes_are_mined_in_the_target_alone():
    rare = CLASSES

    class Holds(Memory):
        def label(self, index):
            label = self.labels[index].copy()
            label[5, 40] = rare
            return label

    small = PLAIN.model_copy(update={"crop_width": 9, "crop_height": 9, "mine": 1.0, "flip": 0.0})
    sides = tuple(([Holds(4, name)], 3) for name in "sth")
    for step in range(6):
        mined = Draws(sides, Augment(small), 0, rare=(rare,))[step]
        plain = Draws(sides, Augment(small), 0)[step]
        assert (mined.target.labels == rare).flatten(1).any(1).all()
        assert not (plain.target.labels == rare).flatten(1).any(1).all()
        assert mined.target.names == plain.target.names
        assert same((mined.source, mined.hard), (plain.source, plain.hard))


# --- the loop ------------------------------------------------------------------------------


def ignore_log(step, values):
    pass


def run(objective, steps=3, seed=0, fabric=None, log=ignore_log, **changes):
    """A model after training by `objective` on both sides."""
    made = memory.start(objective, seed)
    sides = ([Memory(5)], 2), ([Memory(4, "t", seed=1)], 2), None
    if "hard" in getattr(objective, "sides", ()):
        sides = (*sides[:2], ([Memory(3, "h", seed=2)], 2))
    loop.fit(made, objective, sides, params(**changes), steps, seed, fabric, log)
    return made


class Duel:
    """Losses of the given groups, each of whose graphs reaches network and discriminator alike."""

    sides = ("source",)

    def __init__(self, *groups, weight=1.0):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.modules = {"discriminator": nn.Conv2d(CLASSES, 1, 1)}
        self.groups, self.weight = groups, weight

    def losses(self, network, batch):
        for group in self.groups:
            maps = network(batch.source.images).logits.softmax(1)
            value = self.modules["discriminator"](maps).square().mean()
            yield Loss({f"{group}'s": self.weight * value}, group)


def parameters(module):
    return [p.detach().clone() for p in module.parameters()]


@pytest.mark.parametrize("name", ["adamw", "sgd"])
@pytest.mark.parametrize("groups", [("network",), ("discriminator",), ("network", "discriminator")])
def test_a_loss_moves_its_own_group_alone(name, groups, fabric):
    objective = Duel(*groups)
    before = {
        "network": parameters(model.create(recipe(), 0)),
        "discriminator": parameters(objective.modules["discriminator"]),
    }
    made = run(objective, fabric=fabric, optimiser=Optimiser(name=name, lr=0.01))
    after = {
        "network": parameters(made),
        "discriminator": parameters(objective.modules["discriminator"]),
    }
    for group, values in before.items():
        moved = [not torch.equal(a, b) for a, b in zip(values, after[group], strict=True)]
        assert any(moved) == (group in groups)
        assert all(moved) or group not in groups or name == "sgd"


@pytest.mark.parametrize("name", parts.names("objectives"))
def test_the_same_seed_gives_the_same_weights(name, fabric):
    one, two, other = (
        run(memory.objective(name, seed), seed=seed, fabric=fabric) for seed in (0, 0, 1)
    )
    assert equal(one, two)
    assert not equal(one, other)


def test_workers_do_not_change_a_run(fabric):
    models = [
        run(parts.build("objectives", "source_only", {}), fabric=fabric, compute={"workers": n})
        for n in (0, 2)
    ]
    assert equal(*models)


def test_a_loss_that_is_not_finite_stops_with_step_and_images(fabric):
    class Breaks(Duel):
        def losses(self, network, batch):
            self.weight = float("nan") if batch.source.names == bad.source.names else 1.0
            yield from super().losses(network, batch)

    bad = Draws((([Memory(5)], 2), None), Augment(AUGMENT), 0)[1]
    steps = []
    with pytest.raises(BadInput) as error:
        run(Breaks("network"), fabric=fabric, log=lambda step, _: steps.append(step))
    assert steps == [0]
    for word in ("step 1", "network's", *bad.source.names):
        assert word in str(error.value)


@pytest.mark.parametrize("optimiser", [
    Optimiser(lr=0.1, power=0.9), Optimiser(lr=0.1, power=1.0, warmup=3), Optimiser(lr=0.1, power=0)
])  # fmt: skip
def test_the_rate_is_polynomial_after_a_linear_warmup(optimiser, fabric):
    rates = {}
    log = lambda step, values: rates.update({step: values["lr"]})  # noqa: E731
    run(Duel("network"), 6, fabric=fabric, optimiser=optimiser, log=log)
    for step in range(6):
        rising = (step + 1) / (optimiser.warmup + 1) if step < optimiser.warmup else 1
        expected = 0.1 * rising * ((6 - step) / 6) ** optimiser.power
        assert rates[step] == pytest.approx(expected)
    assert [*rates] == [*range(6)]


def test_a_rate_of_zero_changes_no_weight_and_the_model_is_left_for_use(fabric):
    made = run(Duel("network"), fabric=fabric, optimiser=Optimiser(lr=0.0))
    start = model.create(recipe(), 0)
    assert all(torch.equal(a, b) for a, b in zip(parameters(made), parameters(start), strict=True))
    assert not made.training


def test_no_steps_leave_the_model_as_it_was(fabric):
    assert equal(run(Duel("network"), 0, fabric=fabric), model.create(recipe(), 0))


def test_the_loss_falls_and_the_classes_are_learned(scenes, fabric):
    domain = scenes(6, CLASSES, (WIDTH, HEIGHT))
    made = model.create(recipe(width=8), 0)
    found = []
    objective = parts.build("objectives", "source_only", {})
    given = params(augment=PLAIN, batch=4)
    log = lambda _, values: found.append(values["source"])  # noqa: E731
    loop.fit(made, objective, (([domain], 4), None), given, 60, 0, fabric, log)
    assert np.mean(found[-5:]) < 0.3 * np.mean(found[:5])
    image = torch.from_numpy(domain.image(0).copy()).permute(2, 0, 1)[None]
    with torch.inference_mode():
        logits = F.interpolate(made(image).logits, (HEIGHT, WIDTH), mode="bilinear")
    assert (logits.argmax(1)[0].numpy() == domain.label(0)).mean() > 0.8


# --- groups --------------------------------------------------------------------------------


class Slopes:
    """The sum of each group's parameters times a factor of the step: a gradient that is known."""

    sides = ("source",)

    def __init__(self, factors=(1.0,) * 9):
        self.modules = {"discriminator": nn.Conv2d(CLASSES, 1, 1), "other": nn.Conv2d(1, 1, 1)}
        self.factors, self.step = factors, 0

    def losses(self, network, batch):
        factor = self.factors[self.step]
        self.step += 1
        for name, group in (("network", network), *self.modules.items()):
            yield Loss({name: factor * sum(p.sum() for p in group.parameters())}, name)


def moved(objective, steps, fabric, **changes):
    """How far each group's first parameter went, and the logged rates."""
    start = model.create(recipe(), 0)
    before = {"network": start, **objective.modules}
    before = {name: parameters(group) for name, group in before.items()}
    rates = []
    log = lambda _, values: rates.append(values["lr"])  # noqa: E731
    made = run(objective, steps, fabric=fabric, log=log, **changes)
    after = {"network": made, **objective.modules}
    found = {}
    for name, values in before.items():
        pairs = zip(values, parameters(after[name]), strict=True)
        each = torch.cat([(a - b).flatten() for a, b in pairs])
        assert each.max() - each.min() < 1e-5
        found[name] = each.mean().item()
    return found, rates


def test_each_group_has_its_own_optimiser_and_rate(fabric):
    plain = {"weight_decay": 0.0, "momentum": 0.0}
    network = Optimiser(name="sgd", lr=0.01, power=1.0, warmup=2, **plain)
    other = Optimiser(name="sgd", lr=0.002, power=0.5, **plain)
    found, rates = moved(Slopes(), 4, fabric, optimiser=network, discriminator=other)
    expected = [0.01 * r * (1 - t / 4) for t, r in enumerate((1 / 3, 2 / 3, 1, 1))]
    assert rates == pytest.approx(expected)  # the curve shows the network's
    assert found["network"] == pytest.approx(sum(expected), rel=1e-3)
    own = sum(0.002 * (1 - t / 4) ** 0.5 for t in range(4))
    assert found["discriminator"] == pytest.approx(own, rel=1e-3)
    assert found["other"] == pytest.approx(own, rel=1e-3)


@pytest.mark.parametrize("still", ["network", "discriminator"])
def test_a_group_without_a_rate_stands_still(still, fabric):
    rates = {"network": 0.01, "discriminator": 0.01} | {still: 0.0}
    found, _ = moved(
        Slopes(), 2, fabric, optimiser=Optimiser(name="adam", lr=rates["network"]),
        discriminator=Optimiser(name="adam", lr=rates["discriminator"]),
    )  # fmt: skip
    assert found.pop(still) == 0
    assert (found.pop("network" if still == "discriminator" else "discriminator")) > 0


class Scaler(torch.amp.GradScaler):
    """Doubles its scale after each update, and counts them."""

    def __init__(self, scale=4.0):
        super().__init__("cpu", init_scale=scale, growth_interval=1)
        self.scales = [scale]

    def update(self, new_scale=None):
        super().update(new_scale)
        self.scales.append(self.get_scale())


def scaled(scaler):
    """Fabric in 16-bit mixed precision, which it takes for bfloat16's on a CPU unless told so."""
    own = Fabric(accelerator="cpu", devices=1, plugins=MixedPrecision("16-mixed", "cpu", scaler))
    own.launch()
    return own


PLAIN_SGD = {"name": "sgd", "power": 0.0, "weight_decay": 0.0, "momentum": 0.0}


def test_all_groups_of_a_step_are_unscaled_by_one_scale():
    scaler, own = Scaler(), Optimiser(lr=0.01, **PLAIN_SGD)
    found, _ = moved(Slopes(), 2, scaled(scaler), optimiser=own, discriminator=own)
    assert found == pytest.approx(dict.fromkeys(("network", "discriminator", "other"), 0.02))
    assert scaler.scales == [4, 8, 16]


class Overflows(Slopes):
    """One group's gradient is infinite in one step, and no loss is."""

    def __init__(self, group, at):
        super().__init__()
        self.group, self.at, self.seen = group, at, 0

    def losses(self, network, batch):
        for loss in super().losses(network, batch):
            (term,) = loss.terms.values()
            steep = loss._replace(terms={loss.group: (term - term.detach()).sqrt()})
            yield steep if (loss.group, self.seen) == (self.group, self.at) else loss
        self.seen += 1


@pytest.mark.parametrize("group", ["network", "discriminator", "other"])
@pytest.mark.parametrize("at", [0, 1])
def test_a_group_whose_gradient_overflows_skips_its_step_and_the_scale_falls_once(group, at):
    scaler, own = Scaler(), Optimiser(lr=0.01, **PLAIN_SGD)
    found, _ = moved(Overflows(group, at), 3, scaled(scaler), optimiser=own, discriminator=own)
    expected = dict.fromkeys(("network", "discriminator", "other"), 0.03) | {group: 0.02}
    assert found == pytest.approx(expected)
    assert scaler.scales == ([4, 2, 4, 8] if at == 0 else [4, 8, 4, 8])


def test_a_step_without_a_loss_leaves_the_scale():
    scaler = Scaler()
    adapting = parts.build("objectives", "adapt_norm", {})
    run(adapting, fabric=scaled(scaler))
    assert scaler.scales == [4]


def test_the_discriminators_optimiser_is_advents_unless_given():
    own = params().discriminator
    assert (own.name, own.lr, own.weight_decay, own.power) == ("adam", 1e-4, 0, 0.9)
    assert (own.momentum, own.second) == (0.9, 0.99)


@pytest.mark.parametrize("second", [0.99, 0.5])
def test_adams_averages_are_those_of_the_params(second, fabric):
    factors, lr = (1.0, 4.0, 0.5), 1e-3
    given = Optimiser(name="adam", lr=lr, power=0, weight_decay=0, momentum=0.8, second=second)
    still = Optimiser(name="sgd", lr=0.0)
    found, _ = moved(Slopes(factors), 3, fabric, optimiser=still, discriminator=given)
    mean = square = distance = 0.0
    for t, gradient in enumerate(factors, 1):
        mean = 0.8 * mean + 0.2 * gradient
        square = second * square + (1 - second) * gradient**2
        distance += lr * mean / (1 - 0.8**t) / np.sqrt(square / (1 - second**t))
    assert found["discriminator"] == pytest.approx(distance, rel=1e-3)


@pytest.mark.parametrize("name", ["advent", "intra_domain", "tpld"])
def test_a_discriminator_is_drawn_by_the_seed_alone(name):
    torch.manual_seed(1)
    state = torch.get_rng_state()
    one = build_objective(name, {}, 0, **CONTEXT).modules["discriminator"]
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    two, other = (
        build_objective(name, {}, seed, **CONTEXT).modules["discriminator"] for seed in (0, 1)
    )
    assert equal(one, two)
    assert not equal(one, other)


def test_an_objective_with_wrong_options_is_refused_by_name():
    with pytest.raises(BadInput, match="objectives/tpld: no option 'densee'"):
        build_objective("tpld", {"densee": True}, 0, **CONTEXT)
    with pytest.raises(BadInput, match="regulariser='kld'"):
        build_objective("self_training", {"regulariser": "kld"}, 0, **CONTEXT)


# --- heads, batch norm, progress -----------------------------------------------------------


def rates(objective, fabric, **changes):
    """The rate of each parameter at each step, by name."""
    made, found = model.create(recipe(), 0), []
    kept = optimiser.built

    def spied(module, given):
        stepper = kept(module, given)
        names = {id(p): name for name, p in module.named_parameters()}

        def step(*_):
            found.append({names[id(p)]: g["lr"] for g in stepper.param_groups for p in g["params"]})

        stepper.register_step_pre_hook(step)
        return stepper

    sides = (([Memory(5)], 2), None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optimiser, "built", spied)
        loop.fit(made, objective, sides, params(**changes), 4, 0, fabric, ignore_log)
    return found


@pytest.mark.parametrize("name", ["adamw", "sgd"])
@pytest.mark.parametrize("times", [1.0, 10.0])
def test_heads_have_their_own_rate(name, times, fabric):
    of = parts.build("objectives", "source_only", {})
    optimiser = Optimiser(name=name, lr=0.01, heads=times)
    found = rates(of, fabric, optimiser=optimiser)
    assert len(found) == 4
    for step, each in enumerate(found):
        expected = 0.01 * (1 - step / 4) ** 0.9
        for parameter, rate in each.items():
            own = times if parameter.startswith("network.classifier.") else 1
            assert rate == pytest.approx(own * expected)
        assert {*each} == {name for name, _ in model.create(recipe(), 0).named_parameters()}


def test_rates_fall_over_their_horizon(fabric):
    of = parts.build("objectives", "source_only", {})
    found = rates(of, fabric, optimiser=Optimiser(lr=0.01, horizon=10, power=1))
    assert [each["network.classifier.bias"] for each in found] == pytest.approx(
        [0.01, 0.009, 0.008, 0.007]
    )
    found = rates(of, fabric, optimiser=Optimiser(lr=0.01, horizon=2, power=1))
    assert [each["network.classifier.bias"] for each in found] == pytest.approx([0.01, 0.005, 0, 0])


@pytest.mark.parametrize("name", ["source_only", "advent", "self_training", "clan"])
def test_frozen_batch_norm_keeps_statistics_and_weights(name, fabric):
    of = memory.objective(name)
    start, made = memory.start(of), run(of, fabric=fabric, frozen_norm=True)
    kept = {
        f"{place}.{key}"
        for place, part in made.named_modules()
        if isinstance(part, nn.BatchNorm2d)
        for key in part.state_dict()
    }
    before, after = start.state_dict(), made.state_dict()
    assert len(kept) > 10
    assert all(torch.equal(before[key], after[key]) for key in kept)
    moved = {key for key in before if not torch.equal(before[key], after[key])}
    assert moved == {key for key in before.keys() - kept if key.endswith(("weight", "bias"))}


def test_timms_backbones_have_their_own_rate_and_their_batch_norm_freezes(fabric):
    made = model.create(replace(recipe(), network="deeplabv3plus", options=LITE0), 0)
    names = {id(p): name for name, p in made.named_parameters()}
    body, heads = optimiser.built(made, Optimiser(lr=0.01, heads=10.0)).param_groups
    assert (body["times"], heads["times"]) == (1, 10)
    assert {names[id(p)].split(".")[1] for p in heads["params"]} == {"head"}
    assert {names[id(p)].split(".")[1] for p in body["params"]} == {"backbone"}
    before, sides = deepcopy(made.state_dict()), (([Memory(5)], 2), None)
    of, given = memory.objective("source_only"), params(frozen_norm=True)
    loop.fit(made, of, sides, given, 2, 0, fabric, ignore_log)
    norms = [key for key, part in made.named_modules() if isinstance(part, nn.BatchNorm2d)]
    assert len([key for key in norms if key.startswith("network.backbone.")]) == 48
    for key, value in made.state_dict().items():
        of_a_norm = key.rpartition(".")[0] in norms
        assert torch.equal(value, before[key]) == of_a_norm, key


def test_batch_norm_thaws_when_it_is_trained_again(fabric):
    of = parts.build("objectives", "source_only", {})
    made = run(of, fabric=fabric, frozen_norm=True)
    sides, before = (([Memory(5)], 2), None), deepcopy(made.state_dict())
    loop.fit(made, of, sides, params(), 2, 0, fabric, ignore_log)
    thawed = "network.stem.1.weight"
    assert not torch.equal(made.state_dict()[thawed], before[thawed])


PLAIN_VGG = {"network": "fcn8s", "options": {"width": 8}}


@pytest.mark.parametrize(("name", "options", "frozen", "told"), [
    ("adapt_norm", {}, False, "objective = adapt_norm"),
    ("minent", {}, True, "training.frozen_norm = true"),
    ("minent", {"own_norm": True}, False, "options.own_norm = true"),
    ("advent", {"own_norm": True}, False, "options.own_norm = true"),
    ("clan", {"own_norm": True}, False, "options.own_norm = true"),
    ("self_training", {"norm": "own"}, False, "options.norm = own"),
    ("tpld", {"norm": "own"}, True, "training.frozen_norm = true, options.norm = own"),
])  # fmt: skip
def test_what_is_asked_of_batch_norm_is_refused_where_there_is_none(
    name, options, frozen, told, fabric
):
    made = model.create(replace(recipe(), **PLAIN_VGG), 0)
    of, given = memory.objective(name, **options), params(frozen_norm=frozen)
    with pytest.raises(BadInput, match=rf"^{told}: the network has no batch norm.*leave it out"):
        loop.train(made, of, [memory.batch()], 1, given, fabric, ignore_log)


def test_a_network_without_batch_norm_trains_where_nothing_is_asked_of_it(fabric):
    made, logged = model.create(replace(recipe(), **PLAIN_VGG), 0), []
    log = lambda _, values: logged.append(values)  # noqa: E731
    loop.train(made, memory.objective("minent"), [memory.batch()], 1, params(), fabric, log)
    assert logged[0]["source"] > 0


def test_an_objective_knows_how_far_training_is(fabric):
    class Asks(Duel):
        def losses(self, network, batch):
            seen.append(self.progress)
            yield from super().losses(network, batch)

    seen = []
    run(Asks("network"), steps=4, fabric=fabric)
    assert seen == [0, 0.25, 0.5, 0.75]


def test_what_is_seen_is_logged_and_moves_nothing(fabric):
    class Sees(Duel):
        def losses(self, network, batch):
            for loss in super().losses(network, batch):
                yield loss._replace(seen={"seen": torch.tensor(0.25)})

    logged = []
    one = run(Sees("network"), fabric=fabric, log=lambda _, values: logged.append(values))
    assert [values["seen"] for values in logged] == [0.25] * 3
    assert equal(one, run(Duel("network"), fabric=fabric))


def test_a_discriminator_given_in_part_keeps_advents_numbers_for_the_rest():
    given = params(discriminator={"lr": 1e-3, "horizon": 7}).discriminator
    assert (given.name, given.weight_decay, given.momentum, given.second) == ("adam", 0, 0.9, 0.99)
    assert (given.lr, given.horizon, params().discriminator.lr) == (1e-3, 7, 1e-4)
