"""Every trained translator keeps the contract of objectives, and that of translators."""

import inspect
from collections import defaultdict
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pipeline.model.grids import resample
from pipeline.runtime import parts
from pipeline.runtime.compute import Compute
from pipeline.runtime.files import BadInput
from pipeline.runtime.launch import launch
from pipeline.sections.training import Optimiser
from pipeline.training import fitting
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.generators import Networks
from pipeline.training.trained import row
from pipeline.training.translation import cells, predicted, scaled
from pipeline.translation.references import keyed
from tests import colours, trained
from tests.memory import CLASSES
from tests.trained import NAMES
from tests.training.test_ranks import both, loaded

CPU = Compute(accelerator="cpu")
each = pytest.mark.parametrize("name", NAMES)
STILL = {"name": "sgd", "lr": 0.0, "momentum": 0.0}


def state(modules):
    return {key: {k: v.clone() for k, v in m.state_dict().items()} for key, m in modules.items()}


def moved(before, modules):
    """The groups of which something is not as it was."""
    after = state(modules)
    return {k for k in after if any(not torch.equal(before[k][n], v) for n, v in after[k].items())}


def test_all_of_the_lectures_are_here():
    assert NAMES == ["cycada", "cyclegan", "dupgan", "fastcut", "madan", "pixelda", "sbada"]


# --- as objectives -------------------------------------------------------------------------


@each
def test_it_yields_finite_terms_each_of_which_moves_its_own_group(name):
    made, network = trained.start(name)
    groups = {"network": network, **made.modules}
    reached, names = defaultdict(set), []
    for loss in made.losses(network, trained.batch(name)):
        seen = [*loss.terms.values(), *loss.seen.values()]
        assert all(term.shape == () and term.isfinite() for term in seen)
        assert not any(term.requires_grad for term in loss.seen.values())
        for term in loss.terms.values():
            assert term.requires_grad
        own = {n: p for n, p in groups[loss.group].named_parameters() if p.requires_grad}
        sum(loss.terms.values()).backward(inputs=[*own.values()])
        reached[loss.group] |= {n for n, p in own.items() if p.grad is not None and p.grad.any()}
        names += loss.terms
    assert len({*names}) == len(names)
    for key, module in groups.items():
        weights = {n for n, p in module.named_parameters() if p.requires_grad and n[-4:] != "bias"}
        assert weights <= reached[key], key


@each
def test_steps_of_one_group_leave_the_others_untouched(name, fabric):
    still = Optimiser(**STILL).model_dump()
    for side, kept in (("optimiser", {"network"}), ("discriminator", None)):
        made, network = trained.start(name)
        groups = {"network": network, **made.modules}
        before = state(groups)
        trained_, network_ = trained.train(name, fabric, **{side: still})
        after = {"network": network_, **{k: getattr(m, "_forward_module", m)
                                         for k, m in trained_.modules.items()}}  # fmt: skip
        others = {*groups} - {"network"} if kept else {"network"}
        assert moved(before, after) == others, side


@each
def test_labels_and_images_of_a_batch_are_left_as_they_are(name):
    made, network = trained.start(name)
    given, before = trained.batch(name), trained.batch(name)
    for _ in made.losses(network, given):
        pass
    for one, other in zip(given[:2], before[:2], strict=True):
        assert torch.equal(one.labels, other.labels)
        assert torch.equal(one.images, other.images)


@pytest.mark.parametrize("name", ["cycada", "dupgan", "madan"])
def test_a_segmenter_that_only_judges_does_not_move(name, fabric):
    made, _ = trained.train(name, fabric)
    own = made.segmenter.state_dict()
    assert all(torch.equal(own[k], v) for k, v in trained.segmenter().state_dict().items())
    assert "segmenter" not in made.modules


@pytest.mark.parametrize("name", ["madan", "pixelda", "sbada"])
def test_a_model_that_is_trained_along_keeps_its_batch_norm(name, fabric):
    made, _ = trained.train(name, fabric)
    start = trained.segmenter().state_dict()
    for key, module in made.modules.items():
        if key.startswith("task"):
            found = module.state_dict()
            changed = {k for k, v in found.items() if not torch.equal(v, start[k])}
            assert changed
            assert not any("running" in k for k in changed)


def test_each_loss_is_logged_by_its_name(fabric):
    rows = []
    trained.train("cycada", fabric, lambda _, values: rows.append(values))
    expected = {"lr", "adversarial_target", "adversarial_source", "cycle", "identity"}
    expected |= {"semantic_source", "semantic_target", "perceptual", "perceptual_cycle"}
    expected |= {f"{of}_{side}" for of in ("told", "accuracy") for side in ("target", "source")}
    assert len(rows) == 2
    assert {*rows[0]} == expected


# --- what a term is ------------------------------------------------------------------------


def first(name, **changes):
    """Terms of the generator, with the translator, the network and the batch."""
    made, network = trained.start(name, **changes)
    given = trained.batch(name)
    return next(iter(made.losses(network, given))).terms, made, network, given


def test_cyclegan_is_squares_and_absolute_differences():
    found, made, network, given = first("cyclegan")
    source, target = (scaled(side.images) for side in given[:2])
    there, back = network(source, "target"), network(target, "source")
    judged = [
        made.modules[f"discriminator_{n}"](x) for n, x in (("target", there), ("source", back))
    ]
    for side, one in zip(("target", "source"), judged, strict=True):
        torch.testing.assert_close(found[f"adversarial_{side}"], (one - 1).square().mean())
    cycle = (network(there, "source") - source).abs().mean()
    cycle = cycle + (network(back, "target") - target).abs().mean()
    torch.testing.assert_close(found["cycle"], 10 * cycle)
    own = (network(source, "source") - source).abs().mean()
    own = own + (network(target, "target") - target).abs().mean()
    torch.testing.assert_close(found["identity"], 5 * own)


def test_discriminators_have_half_of_each_side():
    made, network = trained.start("cyclegan")
    given = trained.batch()
    _, told, _ = made.losses(network, given)
    judge = made.modules["discriminator_target"]
    real, lie = (
        judge(scaled(given.target.images)),
        judge(network(scaled(given.source.images), "target")),
    )
    expected = ((real - 1).square().mean() + lie.square().mean()) / 2
    torch.testing.assert_close(told.terms["told_target"], expected)


@pytest.mark.parametrize("semantic", ["labels", "predictions"])
def test_cycada_asks_a_model_for_labels_or_for_what_it_sees_in_the_image(semantic):
    networks = {"networks": trained.NETWORKS, "semantic": semantic, "consistency": 0.5}
    found, made, network, given = first("cycada", options=networks)
    source, target = (scaled(side.images) for side in given[:2])
    labels = given.source.labels if semantic == "labels" else predicted(made.segmenter, source)
    assert (semantic == "labels") == torch.equal(labels, given.source.labels)
    for side, made_, wanted in (
        ("source", network(source, "target"), labels),
        ("target", network(target, "source"), predicted(made.segmenter, target)),
    ):
        outputs = made.segmenter((made_ + 1) * 127.5)
        full = resample(outputs.logits, wanted.shape[-2:], outputs.over.logits)
        expected = torch.nn.functional.cross_entropy(full, wanted, ignore_index=255)
        torch.testing.assert_close(found[f"semantic_{side}"], 0.5 * expected)


def test_dupgan_wants_a_class_of_its_translation_and_tells_it_as_none():
    networks = {"networks": trained.NETWORKS, "sure": 0.3}
    made, network = trained.start("dupgan", options=networks)
    given = trained.batch()
    terms, told, _ = made.losses(network, given)
    judge = made.modules["discriminator_target"]
    lie = judge(network(scaled(given.source.images), "target"))
    assert lie.shape[1] == CLASSES + 1
    wanted = cells(given.source.labels, lie.shape[-2:], 2)
    cross_entropy = torch.nn.functional.cross_entropy
    expected = cross_entropy(lie, wanted, ignore_index=255)
    torch.testing.assert_close(terms.terms["adversarial_target"], expected)
    target = scaled(given.target.images)
    own = cells(predicted(made.segmenter, target, 0.3), lie.shape[-2:], 2)
    real = cross_entropy(judge(target), own, ignore_index=255)
    none = cross_entropy(lie, torch.full_like(wanted, CLASSES))
    torch.testing.assert_close(told.terms["told_target"], (real + none) / 2)


def test_an_identity_of_no_weight_is_not_computed():
    found, *_ = first("cyclegan", options={"networks": trained.NETWORKS, "identity": 0.0})
    assert {*found} == {"adversarial_target", "adversarial_source", "cycle"}


# --- as translators ------------------------------------------------------------------------


def fitted(name):
    made, network = trained.start(name)
    made.take(row(network.generator)[None], CPU)
    return made, network


@each
def test_a_translation_is_an_image_of_the_same_size_twice_the_same(name):
    made, _ = fitted(name)
    image = colours.photo(0, (31, 22))
    inside = np.zeros(image.shape[:2], bool)
    inside[3:-4, 5:-2] = True
    image.flags.writeable = False
    reference = made.reference(keyed(1, "a.png", 1))
    found = made.translate(image, None, reference)
    assert (found.dtype, found.shape) == (np.uint8, image.shape)
    assert found.flags.c_contiguous
    assert np.array_equal(found, made.translate(image, None, reference))
    partly = made.translate(image, inside, reference)
    assert np.array_equal(partly[~inside], image[~inside])
    assert np.array_equal(partly[inside], found[inside])


@each
def test_what_is_fitted_is_the_generators_weights(name):
    made, network = fitted(name)
    image = colours.photo(1, (24, 20))
    reference = made.reference(keyed(1, "a.png", 1))
    batch = scaled(torch.from_numpy(image).permute(2, 0, 1)[None])
    given = (torch.from_numpy(reference)[None],) if made.numbers else ()
    expected = ((network.generator(batch, *given)[0].permute(1, 2, 0) + 1) * 127.5).round()
    found = made.translate(image, None, reference).astype(float)
    assert np.abs(found - expected.detach().numpy()).max() <= 1  # a half, to either side
    assert made.example(image, None).shape == row(network.generator).shape


def test_copies_differ_where_there_is_noise_and_nowhere_else():
    image = colours.photo(0, (24, 20))
    for name in NAMES:
        made, network = trained.start(name)
        with torch.no_grad():
            for weights in network.generator.parameters():
                weights.mul_(10)  # so that noise is seen
        made.take(row(network.generator)[None], CPU)
        one, other = (
            made.translate(image, None, made.reference(keyed(1, "a.png", n))) for n in (1, 2)
        )
        assert made.varies != np.array_equal(one, other), name


def test_dupgans_code_is_the_targets():
    made, network = fitted("dupgan")
    image = torch.rand(1, 3, 20, 24) * 2 - 1
    code = torch.from_numpy(made.reference(keyed(1, "a.png", 1)))[None]
    assert torch.equal(network(image, "target"), network.generator(image, code))
    apart = network(image, "source") - network(image, "target")
    assert apart.abs().max() > 1e-3  # as a constant channel, instance norm would take it away


@each
def test_every_option_has_a_default_and_what_it_is_given_is_known(name):
    asked = inspect.signature(parts.find("translators", name)).parameters
    needed = {key for key, of in asked.items() if of.default is of.empty}
    assert needed <= {"classes", "segmenter", "sources"}
    assert "networks" in asked


# --- the one loop --------------------------------------------------------------------------


class Cut(Exception):
    """The end of a run before its time."""


class Second(Checkpoint):
    """Saves after the second step that a process takes."""

    def due(self):
        self.calls = getattr(self, "calls", 0) + 1
        return self.calls == 2


@each
def test_a_run_that_is_cut_off_and_goes_on_leaves_the_same_bytes(name, fabric, tmp_path):
    def log(step, values, cut=None):
        rows[step] = values
        if step == cut:
            raise Cut

    rows = {}
    made, network = trained.train(name, fabric, log, steps=5)
    expected, logged = [each.tobytes() for each in made.kept(network)], rows.copy()
    assert len(expected) == trained.members(name)
    rows.clear()
    kept = lambda: Second(tmp_path / name)  # noqa: E731
    with pytest.raises(Cut):
        trained.train(name, fabric, lambda *of: log(*of, cut=3), steps=5, checkpoint=kept())
    assert [*rows] == [0, 1, 2, 3]
    rows.clear()
    made, network = trained.train(name, fabric, log, steps=5, checkpoint=kept())
    assert [*rows] == [2, 3, 4]
    assert [each.tobytes() for each in made.kept(network)] == expected
    assert all(logged[step] == values for step, values in rows.items())


SGD = {"name": "sgd", "lr": 1e-3, "momentum": 0.0, "weight_decay": 0.0}


def all_of(name, fabric, steps):
    """Weights of all that is trained, by name, and what is logged, in steps of SGD."""
    rows = []
    log = lambda _, values: rows.append(values)  # noqa: E731
    made, network = trained.train(name, fabric, log, steps, optimiser=SGD, discriminator=SGD)
    return {k: row(m) for k, m in {"network": network, **made.modules}.items()}, rows


def _train(rank, folder):
    fabric = launch(Compute(accelerator="cpu", precision="32-true", threads=1))
    found = {}
    for name, steps in product(NAMES, (1, 2)):
        weights, rows = all_of(name, fabric, steps)
        found[name, steps] = {k: torch.from_numpy(v) for k, v in weights.items()}, rows
    torch.save(found, folder / f"{rank}.pt")


def test_two_processes_move_as_one_with_the_whole_batch(fabric, tmp_path):
    """To rounding, in one step: in a second one it may move a value over a kink of |x| or ReLU."""
    assert both(tmp_path, _train) == [0, 0]
    one, other = loaded(tmp_path)
    for name in NAMES:
        made, network = trained.start(name)
        for key, value in all_of(name, fabric, 1)[0].items():
            before = row(network if key == "network" else made.modules[key])
            went = np.abs(value - before).max()
            assert went > 1e-4, (name, key)
            gap = np.abs(one[name, 1][0][key].numpy() - value).max()
            assert gap < 1e-3 * went, (name, key, gap, went)
            assert torch.equal(one[name, 2][0][key], other[name, 2][0][key]), (name, key)
        for step, values in enumerate(all_of(name, fabric, 2)[1]):
            told = {k: v for k, v in values.items() if not k.startswith("accuracy")}
            found = {k: one[name, 2][1][step][k] for k in told}
            assert found == pytest.approx(told, rel=1e-4, abs=1e-5), (name, step)


def test_what_a_sample_draws_hangs_on_no_other(fabric):
    """As of a process that has the second half of the batch."""
    made, network = trained.start("fastcut")
    given = trained.batch()
    half = [side._replace(**{k: v[1:] for k, v in side._asdict().items() if v is not None})
            for side in given[:2]]  # fmt: skip
    other = [side._replace(**{k: v[:1] for k, v in side._asdict().items() if v is not None})
             for side in given[:2]]  # fmt: skip
    whole, *parts_ = (
        next(iter(made.losses(network, given._replace(source=s, target=t)))).terms["contrast"]
        for s, t in (given[:2], half, other)
    )
    torch.testing.assert_close(whole, sum(parts_) / 2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"crop_width": 17}, "crop of 17x14 is larger than images of 16x20 at a scale of 1.0"),
     ({"crop_width": 12, "scale": (0.5, 1.0)}, "larger than images of 16x20 at a scale of 0.5"),
     ({"crop_height": 7, "crop_width": 7}, "too small for a discriminator of 1 layers")],
)  # fmt: skip
def test_crops_that_would_be_padded_or_leave_no_cell_are_refused(changes, said):
    given = trained.params("cyclegan", augment=trained.CROP.model_copy(update=changes))
    domain = SimpleNamespace(size=(16, 20))
    with pytest.raises(BadInput, match=said):
        fitting.check_crops(given, Networks(**trained.NETWORKS), domain)
