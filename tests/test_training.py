"""Draws, augmentation, losses, the loop, and the contract of the objectives."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from pipeline import losses, model, parts, training
from pipeline.augment import Augment, AugmentParams
from pipeline.model import Outputs, Recipe
from pipeline.samples import BadInput, Sample
from pipeline.taxonomy import IGNORE, resolve
from pipeline.training import Batch, Draws, Labelled, Loss, Optimiser, Training

CLASSES = 3
CONTEXT = {"classes": CLASSES, "k": torch.tensor([0.1, 0.5, 0.0])}  # what stages supply
WIDTH, HEIGHT = 48, 32
PLAIN = AugmentParams(crop_width=WIDTH, crop_height=HEIGHT)
AUGMENT = PLAIN.model_copy(update={"scale": (0.7, 1.5), "colour": 0.3, "blur": 0.5})


class Memory:
    """Images whose pixels encode their labels: colour = 20 * (label + 1)."""

    def __init__(self, n, name="s", size=(HEIGHT, WIDTH), seed=0):
        rng = np.random.default_rng((seed, n))
        self.samples = [Sample(name, f"{name}/{i}.png", "", *size) for i in range(n)]
        cells = rng.integers(0, CLASSES, (n, 3, 4)).astype(np.uint8)
        self.labels = cells.repeat(-(-size[0] // 3), 1).repeat(-(-size[1] // 4), 2)
        self.labels = self.labels[:, : size[0], : size[1]]

    def __len__(self):
        return len(self.samples)

    def label(self, index):
        return self.labels[index]

    def image(self, index):
        return np.stack([20 * (self.labels[index] + 1)] * 3, -1).astype(np.uint8)


def recipe(width=4):
    return Recipe("small", resolve([f"class {i}" for i in range(CLASSES)]), {"width": width})


def params(**changes):
    given = {"batch": 2, "augment": AUGMENT, "optimiser": Optimiser(lr=5e-3)}
    return Training(**(given | changes))


def draws(seed=0, rank=0, ranks=1, counts=(3, 2)):
    sides = (Memory(5, "s"), counts[0]), (Memory(4, "t", seed=1), counts[1])
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


@pytest.mark.parametrize("counts", [(4, 2), (3, 2), (5, 0)])
def test_two_processes_share_one_batch(counts):
    for step in range(3):
        whole = draws(counts=counts)[step]
        parts = [draws(rank=rank, ranks=2, counts=counts)[step] for rank in range(2)]
        for rank, part in enumerate(parts):
            for own, all_ in zip(part, whole, strict=True):
                assert (own is None) == (all_ is None)
                if own is not None:
                    assert torch.equal(own.images, all_.images[rank::2])
                    assert torch.equal(own.labels, all_.labels[rank::2])
                    assert own.names == all_.names[rank::2]


@pytest.mark.parametrize("counts", [(1, 2), (2, 1)])
def test_a_batch_smaller_than_the_processes_is_refused(counts):
    with pytest.raises(BadInput, match=r"1 samples .* 2 processes; raise training\.batch"):
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
    of = Draws(((one, 4), (one, 4)), Augment(AUGMENT), 0)
    images = [image for step in range(3) for side in of[step][:2] for image in side.images]
    assert len({image.numpy().tobytes() for image in images}) == 3 * 2 * 4


def test_a_side_may_be_absent():
    source = Memory(2), 2
    for of, present in (
        (Draws((source, None), Augment(AUGMENT), 0), [True, False]),
        (Draws((None, source), Augment(AUGMENT), 0), [False, True]),
        (Draws((source, (Memory(2), 0)), Augment(AUGMENT), 0), [True, False]),
    ):
        assert [side is not None for side in of[0]] == [*present, False]


@pytest.mark.parametrize(
    ("batch", "share", "counts"),
    [(8, 0.5, (4, 4)), (3, 0.3, (1, 2)), (4, 0, (0, 4)), (4, 1, (4, 0))],
)
def test_shares_of_a_batch(batch, share, counts):
    source, target = Memory(2), Memory(3)
    sides = training.shares(source, target, batch, share)
    assert sides == ((source, counts[0]), (target, counts[1]), None)


# --- augmentation --------------------------------------------------------------------------


def augmented(key=(0, 0, 0, 0), size=(HEIGHT, WIDTH), **changes):
    of = Memory(1, size=size)
    plain = {"crop_width": WIDTH, "crop_height": HEIGHT}
    return Augment(AugmentParams(**(plain | changes)))(of.image(0), of.label(0), key)


def keys(n):
    return [(1, 0, step, 0) for step in range(n)]


def inside(label):
    """Where the eight neighbours have the same label: no edge of a cell is mixed in."""
    padded = F.pad(label[None, None].float(), (1, 1, 1, 1), value=-1)
    return F.max_pool2d(padded, 3, 1)[0, 0] == -F.max_pool2d(-padded, 3, 1)[0, 0]


def test_the_key_decides():
    given = {"scale": (0.5, 2), "colour": 0.5, "blur": 0.5}
    images = [augmented(key, **given) for key in keys(5)]
    for key, (image, label, _) in zip(keys(5), images, strict=True):
        again = augmented(key, **given)
        assert torch.equal(image, again[0])
        assert torch.equal(label, again[1])
        assert (image.shape, image.dtype) == ((3, HEIGHT, WIDTH), torch.uint8)
        assert (label.shape, label.dtype) == ((HEIGHT, WIDTH), torch.uint8)
    assert len({image.numpy().tobytes() for image, _, _ in images}) == 5


@pytest.mark.parametrize("crop", [{"crop_width": 13, "crop_height": 9}, {}])
def test_flips_and_crops_move_image_and_label_together(crop):
    for key in keys(12):
        image, label, _ = augmented(key, **crop)
        assert torch.equal(image, torch.stack([20 * (label + 1)] * 3))


@pytest.mark.parametrize("scale", [(0.5, 0.5), (0.6, 1.0), (1.0, 2.2), (3.0, 3.0)])
def test_scales_move_image_and_label_together(scale):
    checked = 0
    for key in keys(12):
        image, label, _ = augmented(key, scale=scale)
        sure = inside(label) & (label != IGNORE)
        assert ((image[0].int() - 20 * (label.int() + 1)).abs()[sure] < 10).all()
        assert set(label.unique().tolist()) <= {*range(CLASSES), IGNORE}
        checked += sure.sum()
    assert checked > 12 * 60


@pytest.mark.parametrize("scale", [0.55, 0.7, 1.37, 2.0, 2.3])
def test_scales_leave_a_label_where_its_image_is(scale):
    columns = np.arange(60, dtype=np.uint8)
    label = np.broadcast_to(columns, (50, 60)).copy()
    for turned in (False, True):  # both axes
        given = np.ascontiguousarray(label.T) if turned else label
        image = np.stack([given * 4] * 3, -1)
        crop = AugmentParams(crop_width=20, crop_height=20, scale=(scale, scale), flip=0.0)
        for key in keys(4):
            moved, ids, _ = Augment(crop)(image, given, key)
            assert abs((moved[0] / 4 - ids.float()).mean()) < 0.15


def test_a_flip_mirrors():
    image, label, _ = augmented(flip=0.0)
    mirrored = augmented(flip=1.0)
    assert torch.equal(mirrored[0], image.flip(-1))
    assert torch.equal(mirrored[1], label.flip(-1))
    flipped = [torch.equal(augmented(key)[1], label) for key in keys(60)]
    assert 15 < sum(flipped) < 45


def test_what_a_crop_lacks_is_ignored():
    of = Memory(1, size=(HEIGHT, WIDTH))
    image, label, _ = augmented(crop_width=50, crop_height=40, flip=0.0)
    held = label != IGNORE
    assert held.sum() == HEIGHT * WIDTH
    assert np.array_equal(label[held].reshape(HEIGHT, WIDTH), of.label(0))
    assert (image[:, ~held] == 0).all()


def test_crops_reach_every_corner():
    seen = torch.zeros(2, 2)
    of = Memory(1, size=(3, 4))
    for key in keys(60):
        _, label, _ = Augment(AugmentParams(crop_width=3, crop_height=2, flip=0.0))(
            of.image(0), np.arange(12, dtype=np.uint8).reshape(3, 4), key
        )
        first = int(label[0, 0])
        assert np.array_equal(label, first + np.array([[0, 1, 2], [4, 5, 6]]))
        seen[divmod(first, 4)] += 1
    assert (seen > 5).all()


def test_colours_change_the_image_alone():
    changed = 0
    for key in keys(8):
        plain, vivid = augmented(key, scale=(0.7, 1.4)), augmented(
            key, scale=(0.7, 1.4), colour=0.5, blur=1.0
        )  # fmt: skip
        assert torch.equal(plain[1], vivid[1])
        changed += not torch.equal(plain[0], vivid[0])
    assert changed == 8


def test_arrays_that_are_kept_in_memory_are_not_written_to():
    of = Memory(1)
    image, label = of.image(0), of.label(0).copy()
    copies = image.copy(), label.copy()
    image.flags.writeable = label.flags.writeable = False
    Augment(AUGMENT)(image, label, (0, 0, 0, 0))
    assert np.array_equal(image, copies[0])
    assert np.array_equal(label, copies[1])


# --- losses --------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "full"), [((6, 8), (6, 8)), ((5, 7), (40, 51)), ((1, 1), (3, 4))])
def test_cross_entropy_is_torchs_on_upsampled_logits(size, full):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, CLASSES, *size, generator=generator)
    labels = torch.randint(0, CLASSES, (2, *full), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < 0.3] = IGNORE
    upsampled = F.interpolate(logits, full, mode="bilinear", align_corners=False)
    expected = F.cross_entropy(upsampled, labels, ignore_index=IGNORE)
    torch.testing.assert_close(losses.cross_entropy(logits, labels), expected)


def test_cross_entropy_by_hand():
    logits = torch.log(torch.tensor([[1.0, 1.0, 8.0], [3.0, 1.0, 2.0]]))[None, :, None]
    labels = torch.tensor([[[1, 0, IGNORE]]])
    expected = (np.log(4 / 3) + np.log(2)) / 2
    assert losses.cross_entropy(logits, labels).item() == pytest.approx(expected)


def test_cross_entropy_of_nothing_is_zero_with_finite_gradients():
    logits = torch.randn(1, CLASSES, 2, 2, requires_grad=True)
    loss = losses.cross_entropy(logits, torch.full((1, 8, 8), IGNORE))
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()


def test_auxiliary_logits_count_their_share():
    one, two = torch.randn(2, CLASSES, 3, 3), torch.randn(2, CLASSES, 2, 2)
    labels = torch.randint(0, CLASSES, (2, 9, 9))
    main, aux = (losses.cross_entropy(maps, labels) for maps in (one, two))
    torch.testing.assert_close(losses.supervised(Outputs(one), labels, 0.4), main)
    both = losses.supervised(Outputs(one, two), labels, 0.4)
    torch.testing.assert_close(both, main + 0.4 * aux)


# --- the loop ------------------------------------------------------------------------------


def ignore_log(step, values):
    pass


def run(objective, steps=3, seed=0, fabric=None, log=ignore_log, **changes):
    """A model after training by `objective` on both sides."""
    made = model.create(recipe(), seed)
    sides = (Memory(5), 2), (Memory(4, "t", seed=1), 2), None
    if "hard" in getattr(objective, "sides", ()):
        sides = (*sides[:2], (Memory(3, "h", seed=2), 2))
    training.fit(made, objective, sides, params(**changes), steps, seed, fabric, log)
    return made


class Duel:
    """Losses of the given groups, each of whose graphs reaches network and discriminator alike."""

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
        run(training.objective(name, {}, seed, **CONTEXT), seed=seed, fabric=fabric)
        for seed in (0, 0, 1)
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

    bad = Draws(((Memory(5), 2), None), Augment(AUGMENT), 0)[1]
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
    training.fit(made, objective, ((domain, 4), None), given, 60, 0, fabric, log)
    assert np.mean(found[-5:]) < 0.3 * np.mean(found[:5])
    image = torch.from_numpy(domain.image(0).copy()).permute(2, 0, 1)[None]
    with torch.inference_mode():
        logits = F.interpolate(made(image).logits, (HEIGHT, WIDTH), mode="bilinear")
    assert (logits.argmax(1)[0].numpy() == domain.label(0)).mean() > 0.8


# --- objectives ----------------------------------------------------------------------------


def labelled(of, n=2):
    images = torch.stack([torch.from_numpy(of.image(i)).permute(2, 0, 1) for i in range(n)])
    labels = torch.stack([torch.from_numpy(of.label(i)).long() for i in range(n)])
    labels[:, :3] = IGNORE
    logits = torch.randn(n, CLASSES, 4, 6, generator=torch.Generator().manual_seed(n)).half()
    windows = torch.tensor([[0.0, 0, 1, 1], [1, 0.1, 0.2, 0.9], [-0.2, -0.1, 1.2, 1.1]])[:n]
    return Labelled(images, labels, [s.image for s in of.samples[:n]], logits, windows)


def batch(sides=("source", "target")):
    sources, targets, hards = (Memory(n + 3, seed=n) for n in range(3))
    whole = Batch(labelled(sources), labelled(targets, 3), labelled(hards))
    return Batch(*(side if name in sides else None for name, side in whole._asdict().items()))


@pytest.fixture(params=parts.names("objectives"))
def objective(request):
    return training.objective(request.param, {}, 0, **CONTEXT)


def test_an_objective_yields_finite_terms_that_move_their_groups(objective):
    made = model.create(recipe(), 0).train()
    groups = {"network": made, **objective.modules}
    before = {key: value.clone() for key, value in made.state_dict().items()}
    reached, names = Counter(), []
    sides = (*objective.sides, *getattr(objective, "optional", ()))
    for loss in objective.losses(made, batch(sides)):
        assert loss.group in groups
        assert all(term.shape == () and term.isfinite() for term in loss.terms.values())
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
    made = training.objective(name, options, 0, **CONTEXT)
    (loss,) = made.losses(network, given)
    assert loss.group == "network"
    return loss.terms


class TwoHeads(nn.Module):
    """Per-pixel heads, so that a batch of both sides equals two batches."""

    def __init__(self):
        super().__init__()
        self.main, self.other = nn.Conv2d(3, CLASSES, 1), nn.Conv2d(3, CLASSES, 1)

    def forward(self, images):
        x = F.avg_pool2d(images.float() / 255, 4)
        return Outputs(self.main(x), self.other(x))


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
    made = model.create(recipe(), 0).train()
    for _ in training.objective(name, options, 0, **CONTEXT).losses(made, given):
        pass
    return statistics(made)


def test_adapt_norm_moves_statistics_and_nothing_else(fabric):
    made = model.create(recipe(), 0)
    weights = {k: v.clone() for k, v in made.named_parameters()}
    adapting = parts.build("objectives", "adapt_norm", {})
    target = Memory(4, "t", seed=1)
    drawn = [batch(("target",))] * 80
    training.train(made, adapting, drawn, 80, params(), fabric, lambda *_: None)
    assert all(torch.equal(weights[k], v) for k, v in made.named_parameters())
    images = labelled(target, 3).images
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
    with training.fixed_statistics(made):
        made(batch().source.images)
    assert all(torch.equal(before[k], v) for k, v in statistics(made).items())
    made(batch().source.images)
    assert any(not torch.equal(before[k], v) for k, v in statistics(made).items())


def test_self_training_sees_both_domains_in_one_batch():
    seen = []

    class Spy(TwoHeads):
        def forward(self, images):
            seen.append(len(images))
            return super().forward(images)

    terms("self_training", batch(), Spy())
    assert seen == [5]


def test_source_only_never_looks_at_the_target():
    network = TwoHeads()
    found = terms("source_only", batch(("source",)), network)
    torch.testing.assert_close(found, terms("source_only", batch(), network))
    expected = terms("self_training", batch(("source",)), network)
    torch.testing.assert_close(found, expected)
