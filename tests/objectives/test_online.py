"""A step of online self-training against a restatement of its papers, and what its options are."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from pipeline.domain.batches import Batch
from pipeline.domain.mixing import Mixing
from pipeline.domain.taxonomy import IGNORE
from pipeline.domain.views import Mask, Mix
from pipeline.model import model
from pipeline.runtime import parts
from pipeline.runtime.compute import Compute
from pipeline.runtime.files import BadInput
from pipeline.runtime.launch import launch
from pipeline.training import loop
from pipeline.training.objective import build_objective
from tests import memory
from tests.memory import CLASSES, CONTEXT, HEIGHT, WIDTH, Memory, TwoHeads, batch, padding, params
from tests.references import log_softmax, upsample

WARMUP = CONTEXT | {"k": None}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(1)


def given(names=Batch._fields):
    return batch(names)


def unlabelled(found):
    """As in a warm-up: the target's labels are all IGNORE."""
    nothing = torch.full_like(found.target.labels, IGNORE)
    labels = torch.where(found.mixed.pasted, found.source.labels, IGNORE)
    return found._replace(
        target=found.target._replace(labels=nothing),
        mixed=found.mixed._replace(labels=labels),
        masked=found.masked and found.masked._replace(labels=nothing),
    )


def step(found, network, context=CONTEXT, teacher=None, **options):
    """Terms and what is seen of a step, of a network whose teacher is `teacher` or itself."""
    made = memory.objective("online", 0, context, **options)
    memory.begun(made, network)
    if teacher is not None:
        made.begin(teacher, 10)
        made.teacher.count += 10**9  # so that the student hardly moves it
        made.teacher.alpha = 1.0
    values = {}
    for loss in made.losses(network, found):
        values |= {key: value.item() for key, value in {**loss.terms, **loss.seen}.items()}
    return values


# --- the restatement -----------------------------------------------------------------------


def logs(network, images, head=0):
    with torch.no_grad():
        maps = network(images)[head].double().numpy()
    return np.stack([log_softmax(upsample(one, HEIGHT, WIDTH)) for one in maps])


def within(side):
    return ~np.stack([padding(window) for window in side.windows.tolist()])


def labelled_by(teacher, found, labels, weigh, tau, k):
    """Labels and weights of the target, pixel by pixel."""
    log, there = logs(teacher, found.target.images), within(found.target)
    q = np.mean([np.exp(log[n, :, y, x]).max() >= tau for n, y, x in np.argwhere(there)])
    own, weights = np.zeros(there.shape, int), np.zeros(there.shape)
    for n, y, x in np.argwhere(there):
        best = log[n, :, y, x] + (k if weigh == "classes" else 0)
        own[n, y, x] = best.argmax()
        sure = np.exp(log[n, :, y, x]).max() >= tau
        weights[n, y, x] = {"batch": q, "pixel": sure, "classes": best.max() >= 0}[weigh]
        label = found.target.labels[n, y, x].item()
        if labels != "teacher" and label != IGNORE:
            own[n, y, x], weights[n, y, x] = label, 1
        elif labels == "round":
            weights[n, y, x] = 0
    return own, weights, q


def restated(network, teacher, found, labels, weigh, aux, tau=0.6, edge=(0, 0, 0, 0)):
    own, weights, q = labelled_by(teacher, found, labels, weigh, tau, CONTEXT["k"].numpy())
    there, expected = within(found.target), {"mixed": 0.0, "masked": 0.0}
    for head, times in ((0, 1.0), (1, aux)):
        mixed, masked = (logs(network, side.images, head) for side in (found.mixed, found.masked))
        pixels = there | found.mixed.pasted.numpy()
        for n, y, x in np.argwhere(pixels):
            if found.mixed.pasted[n, y, x]:
                each = -mixed[n, found.source.labels[n, y, x], y, x]
            else:
                each = -weights[n, y, x] * mixed[n, own[n, y, x], y, x]
                each *= middle(found.target.windows[n].tolist(), y, x, edge)
            expected["mixed"] += times * each / pixels.sum()
        for n, y, x in np.argwhere(there):
            each = -weights[n, y, x] * masked[n, own[n, y, x], y, x]
            expected["masked"] += times * each / there.sum()
    return expected, q


def middle(window, y, x, edge):
    """Whether a pixel's place in its image is off the edge."""
    x0, y0, x1, y1 = window
    across, down = x0 + (x1 - x0) * (x + 0.5) / WIDTH, y0 + (y1 - y0) * (y + 0.5) / HEIGHT
    return edge[0] <= down <= 1 - edge[1] and edge[2] <= across <= 1 - edge[3]


@pytest.mark.parametrize("weigh", ["batch", "pixel", "classes"])
@pytest.mark.parametrize("labels", ["teacher", "round", "both"])
def test_a_step_is_that_of_the_papers(labels, weigh):
    network, teacher, found = TwoHeads(), TwoHeads(), given()
    options = {"labels": labels, "weigh": weigh, "aux": 0.2, "tau": 0.6, "target": 0.7,
               "masked": 0.3}  # fmt: skip
    got = step(found, network, teacher=None if labels == "round" else teacher, **options)
    expected, q = restated(network, teacher, found, labels, weigh, 0.2)
    assert 0.05 < q < 0.95
    assert got["mixed"] == pytest.approx(0.7 * expected["mixed"], rel=1e-4)
    assert got["masked"] == pytest.approx(0.3 * expected["masked"], rel=1e-4)
    if labels != "round":
        assert got["sure"] == pytest.approx(q, rel=1e-5)


def test_edges_of_the_image_count_nothing_in_the_mixture_alone():
    network, teacher, found, edge = TwoHeads(), TwoHeads(), given(), (0.3, 0.2, 0.1, 0.25)
    got = step(found, network, teacher=teacher, tau=0.6, aux=0.1, edge=edge)
    expected, _ = restated(network, teacher, found, "teacher", "batch", 0.1, edge=edge)
    plain = step(found, network, teacher=teacher, tau=0.6, aux=0.1)
    assert got["mixed"] == pytest.approx(expected["mixed"], rel=1e-4)
    assert got["mixed"] < plain["mixed"]
    assert got["masked"] == plain["masked"]


def test_a_warmups_classes_are_weighed_by_the_moving_prior():
    network, found = TwoHeads(), unlabelled(given())
    made = memory.objective("online", 0, WARMUP, weigh="classes")
    memory.begun(made, network)
    before = made.prior.chi.clone()
    assert [loss.seen for loss in made.losses(network, found)][1]["weight"] > 0
    assert not torch.equal(made.prior.chi, before)
    assert memory.objective("online", weigh="classes").prior is None  # a round has thresholds
    assert memory.objective("online", 0, WARMUP).prior is None


# --- ends of its options -------------------------------------------------------------------


def test_where_none_is_sure_the_mixture_teaches_what_was_pasted_alone():
    network, found = TwoHeads(), unlabelled(given())
    made = memory.objective("online", 0, WARMUP, tau=1.1, aux=0.0)
    memory.begun(made, network)
    _, mixed, masked = made.losses(network, found)
    assert mixed.seen["sure"] == mixed.seen["weight"] == masked.terms["masked"] == 0
    own = torch.autograd.grad(mixed.terms["mixed"], network.main.parameters())
    pixels = (found.mixed.pasted | torch.from_numpy(within(found.target))).sum()
    alone = found.mixed.labels.masked_fill(~found.mixed.pasted, IGNORE)
    loss = loop_cross_entropy(network(found.mixed.images), alone) / pixels
    for one, other in zip(own, torch.autograd.grad(loss, network.main.parameters()), strict=True):
        torch.testing.assert_close(one, other)


def loop_cross_entropy(outputs, labels):
    full = torch.nn.functional.interpolate(outputs.logits, (HEIGHT, WIDTH), mode="bilinear")
    return torch.nn.functional.cross_entropy(full, labels, ignore_index=IGNORE, reduction="sum")


def test_pseudo_labels_without_a_gap_are_self_training_on_mixtures():
    """But for the mean, which is over all pixels of the mixture and not of both sides."""
    network, found = TwoHeads(), given(("source", "target", "mixed"))
    sides = [one._replace(images=one.images[:1], labels=one.labels[:1], windows=one.windows[:1])
             for one in found[:2]]  # fmt: skip
    sides = [one._replace(labels=torch.where(one.labels == IGNORE, 0, one.labels)) for one in sides]
    found = Mixing(Mix())(Batch(*sides), 0, 0, [0])
    got = step(found, network, labels="round", aux=0.2)
    mixture = Batch(sides[0], found.mixed)
    made = memory.objective("self_training", aux=0.2)
    (loss,) = made.losses(network, mixture)
    assert got["mixed"] == pytest.approx(2 * loss.terms["target"].item(), rel=1e-5)
    assert got["source"] == pytest.approx(2 * loss.terms["source"].item(), rel=1e-5)


def test_without_a_share_nothing_is_pasted():
    found = given(("source", "target"))
    sides = found._replace(source=memory.labelled(Memory(3), memory.WINDOWS))
    network = TwoHeads()
    mixing = Mixing(Mix(share=0.0, colour=0.0, blur=0.0))
    plain = mixing(sides, 0, 0, range(3))
    assert torch.equal(plain.mixed.images, sides.target.images)
    got = step(plain, network, labels="round", aux=0.0)
    expected = loop_cross_entropy(network(sides.target.images), sides.target.labels)
    pixels = within(sides.target).sum()
    assert got["mixed"] == pytest.approx(expected.item() / pixels, rel=1e-5)


def test_a_teacher_without_memory_is_the_student():
    network = TwoHeads()
    made = memory.objective("online", alpha=0.0)
    memory.begun(made, network)
    for _ in range(3):
        with torch.no_grad():
            network.main.weight.add_(1)
        list(made.losses(network, given()))
        assert torch.equal(made.teacher.model.main.weight, network.main.weight)


@pytest.mark.parametrize(("options", "steps", "alpha"), [
    ({}, 40_000, 0.999), ({}, 640, 0.9375), ({"horizon": 0.05}, 640, 0.96875),
    ({}, 10, 0.0), ({"alpha": 0.99}, 10, 0.99),
])  # fmt: skip
def test_the_horizon_is_a_share_of_the_steps(options, steps, alpha):
    made = memory.objective("online", **options)
    made.begin(TwoHeads(), steps)
    assert made.teacher.alpha == pytest.approx(alpha)


def test_pseudo_labels_alone_need_no_teacher():
    made = memory.objective("online", labels="round")
    memory.begun(made, TwoHeads())
    assert made.teacher is None
    with pytest.raises(BadInput, match="labels = round there is none; set it to student"):
        memory.objective("online", labels="round", keep="teacher")


def test_what_is_seen_says_how_far_they_agree():
    network, teacher, found = TwoHeads(), TwoHeads(), unlabelled(given())
    drawn = [torch.randint(0, 256, (3, 3, HEIGHT // 4, WIDTH // 4)).repeat_interleave(4, 2)
             .repeat_interleave(4, 3).to(torch.uint8) for _ in range(3)]  # fmt: skip
    found = found._replace(**{
        side: getattr(found, side)._replace(images=images)
        for side, images in zip(("target", "mixed", "masked"), drawn, strict=True)
    })  # fmt: skip
    got = step(found, network, WARMUP, teacher, flip=True, tau=0.6)
    assert {*got} == {"source", "mixed", "masked", "sure", "weight", "steady", "agreement",
                      "masked_agreement"}  # fmt: skip
    there = within(found.target)
    taught = (np.exp(logs(teacher, found.target.images)) +
              np.exp(logs(teacher, found.target.images.flip(-1)))[..., ::-1]).argmax(1)  # fmt: skip
    for name, side in (("agreement", found.mixed), ("masked_agreement", found.masked)):
        own = logs(network, side.images).argmax(1)
        among = there if side.pasted is None else there & ~side.pasted.numpy()
        assert got[name] == pytest.approx((own == taught)[among].mean(), abs=1e-6)
        assert 0.1 < got[name] < 0.95


# --- trained -------------------------------------------------------------------------------


def trained(fabric, steps=4, start=None, **options):
    made = memory.objective("online", 0, options.pop("context", CONTEXT), **options)
    of = start or memory.start(made)
    sides = ([Memory(5)], 2), ([Memory(4, "t", seed=1)], 2), None
    loop.fit(of, made, sides, params(), steps, 0, fabric, lambda *_: None)
    return of, made


def test_the_model_is_the_student_or_the_teacher(fabric):
    student, made = trained(fabric)
    teacher, _ = trained(fabric, keep="teacher")
    for name, _ in student.named_parameters():
        kept = dict(teacher.named_parameters())[name]
        averaged = dict(made.teacher.model.named_parameters())[name]
        assert torch.equal(kept, averaged)
    assert any(not torch.equal(*both) for both in zip(
        student.parameters(), teacher.parameters(), strict=True))  # fmt: skip
    for own, other in zip(student.buffers(), teacher.buffers(), strict=True):
        assert torch.equal(own, other)  # statistics are the student's


def test_hidden_blocks_are_the_colour_that_normalisation_makes_nothing_of(fabric):
    seen = []

    class Watched(model.Model):
        def forward(self, images):
            seen.append(images)
            return super().forward(images)

    of = Watched(memory.recipe())
    trained(fabric, 1, of, mask={"size": 8, "ratio": 1.0})
    masked = (seen[-1].float() * of.norm.scale - of.mean) / of.std
    assert masked.abs().max() < 0.5 / 255 / 0.22
    assert of.norm.colour == (124, 116, 104)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_the_teacher_is_float32_in_each_precision(precision):
    _, made = trained(launch(Compute(accelerator="cpu", precision=precision)), 2)
    assert {p.dtype for p in made.teacher.parameters()} == {torch.float32}


def test_options_of_sections_are_checked():
    for options, told in (
        ({"mix": {"share": 2}}, r"option mix\.share=2: .*less than or equal to 1"),
        ({"mask": {"width": 2}}, r"option mask\.width=2: Extra"),
        ({"mask": {"size": "8"}}, r"option mask\.size='8': .*not text"),
        ({"horizon": 0}, "option horizon=0"),
        ({"alpha": 1.0}, r"option alpha=1\.0"),
        ({"edge": [0.1]}, "option edge"),
    ):
        with pytest.raises(BadInput, match=told):
            build_objective("online", options, 0, **CONTEXT)
    found = parts.check_options("objectives", "online", {"mask": {}}, *CONTEXT)
    assert found["mask"] == Mask()


def test_a_student_is_moved_by_no_gradient_of_its_teacher():
    network, found = TwoHeads(), given()
    other = deepcopy(network)
    made = memory.objective("online", tau=0.0)
    memory.begun(made, network)
    assert CLASSES > 1
    for loss in made.losses(network, found):
        sum(loss.terms.values()).backward()
    assert all(p.grad is None for p in made.teacher.parameters())
    assert all(p.grad is not None for p in network.parameters())
    assert torch.equal(other.main.weight, network.main.weight)
