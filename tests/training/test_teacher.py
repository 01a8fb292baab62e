"""The teacher against its closed form, torch's own average, and passes by hand."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from pipeline.model import model
from pipeline.model.backbones import PooledNorm
from pipeline.model.outputs import Outputs
from pipeline.training import passes
from pipeline.training.teacher import Teacher
from tests.memory import Memory, recipe
from tests.references import upsample


class Scalar(nn.Module):
    def __init__(self):
        super().__init__()
        self.value = nn.Parameter(torch.tensor([1.0]))


def students(steps):
    return np.random.default_rng(0).normal(3, 1, steps)


def followed(alpha, values):
    student = Scalar()
    teacher, found = Teacher(student, alpha), []
    for value in values:
        nn.init.constant_(student.value, value)
        teacher.update(student)
        found.append(teacher.model.value.item())
    return teacher, found


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.9, 0.99])
def test_it_is_the_mean_of_all_students_and_then_their_moving_average(alpha):
    """In closed form: each student's weight is a product of what later updates leave of it."""
    values = students(150)
    teacher, found = followed(alpha, values)
    horizon = 1 / (1 - alpha)
    for t in range(150):
        if t + 1 <= horizon:
            expected = values[: t + 1].mean()
        else:
            first = max(1, int(horizon + 1e-9))
            left = alpha ** (t + 1 - first)
            recent = (1 - alpha) * alpha ** np.arange(t - first + 1)
            expected = left * values[:first].mean() + (recent * values[t : first - 1 : -1]).sum()
        assert found[t] == pytest.approx(expected, rel=1e-5)
    assert teacher.count == 150


def test_it_is_torchs_average_with_that_rule():
    alpha, student = 0.8, model.create(recipe(), 0)
    rule = lambda own, now, n: own.lerp(now, 1 - min(1 - 1 / (int(n) + 1), alpha))  # noqa: E731
    torchs, teacher = AveragedModel(student, avg_fn=rule), Teacher(student, alpha)
    torch.manual_seed(0)
    for _ in range(12):
        for parameter in student.parameters():
            nn.init.normal_(parameter)
        torchs.update_parameters(student)
        teacher.update(student)
    for own, other in zip(teacher.model.parameters(), torchs.module.parameters(), strict=True):
        torch.testing.assert_close(own, other)
        assert own.dtype == torch.float32
        assert not own.requires_grad


def test_a_small_step_is_not_lost():
    """In bfloat16 the teacher would stand still."""
    _, found = followed(0.999, [1.0] * 2000 + [1.01] * 2000)
    assert found[-1] == pytest.approx(1.01 - 0.01 * 0.999**2000, abs=1e-4)


# --- what it predicts ----------------------------------------------------------------------


class Drops(nn.Module):
    """A network with batch norm and dropout."""

    def __init__(self):
        super().__init__()
        self.inner = model.create(recipe(), 0)

    def forward(self, images):
        outputs = self.inner(images)
        return outputs._replace(logits=torch.dropout(outputs.logits, 0.5, self.training))


def images(n=3, seed=0):
    return torch.stack([torch.from_numpy(Memory(n, seed=seed).image(i)).permute(2, 0, 1)
                        for i in range(n)])  # fmt: skip


def probabilities(outputs, size):
    full = np.stack([upsample(one, *size) for one in outputs.logits.detach().double().numpy()])
    return np.exp(full) / np.exp(full).sum(1, keepdims=True)


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def unchanged(before, module, less=()):
    return all(torch.equal(before[name], value) for name, value in module.state_dict().items()
               if not name.endswith(less))  # fmt: skip


def test_it_predicts_with_the_batchs_statistics_and_without_dropout():
    student = Drops().train()
    teacher, given = Teacher(student, 0.9), images()
    teacher.update(student)
    before = state(teacher)
    taught = teacher(given)
    assert taught.steady is None
    assert not taught.p.requires_grad
    assert unchanged(before, teacher, ("num_batches_tracked",))
    with torch.no_grad():
        expected = probabilities(student.inner.train()(given), given.shape[-2:])
    np.testing.assert_allclose(taught.p, expected, atol=1e-5)
    with torch.no_grad():
        running = probabilities(student.inner.eval()(given), given.shape[-2:])
    assert abs(taught.p.numpy() - running).max() > 1e-3


class Pools(nn.Module):
    """One image alone is normalised by the running statistics."""

    def __init__(self):
        super().__init__()
        self.norm = PooledNorm(3)
        self.norm.weight = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))

    def forward(self, given):
        return Outputs(self.norm(given.div(255).mean((2, 3), keepdim=True)))


def test_a_pooled_image_alone_has_the_students_statistics_of_now():
    student, given = Pools().train(), images()
    teacher = Teacher(student, 0.9)
    for _ in range(100):
        student(given)
    teacher.update(student)
    expected = student(given[:1]).logits.softmax(1)
    torch.testing.assert_close(teacher(given[:1]).p[..., :1, :1], expected)


def test_where_the_students_batch_norm_is_frozen_so_is_the_teachers():
    student = model.create(recipe(), 0)
    passes.norms(student, frozen=True)
    teacher, given = Teacher(student, 0.9), images()
    teacher.update(student)
    with torch.no_grad():
        expected = probabilities(student.eval()(given), given.shape[-2:])
    np.testing.assert_allclose(teacher(given).p, expected, atol=1e-5)


def test_running_statistics_are_averaged_and_predict():
    student = model.create(recipe(), 0).train()
    teacher, seen = Teacher(student, 0.5, "running"), []
    name = "network.stem.1.running_mean"
    for step in range(4):
        with torch.no_grad():
            student(images(seed=step))
        seen.append(student.state_dict()[name].clone())
        teacher.update(student)
    expected = seen[0]
    for t, own in enumerate(seen[1:], 1):
        alpha = min(1 - 1 / (t + 1), 0.5)
        expected = alpha * expected + (1 - alpha) * own
    torch.testing.assert_close(teacher.model.state_dict()[name], expected)
    before, given = state(teacher), images(seed=9)
    found = teacher(given).p
    assert unchanged(before, teacher)
    alone = teacher(given[:1]).p  # no image's result hangs on the others'
    torch.testing.assert_close(found[:1], alone, rtol=1e-4, atol=1e-5)


def test_with_its_mirror_image():
    student = model.create(recipe(), 0).train()
    teacher, given = Teacher(student, 0.9, flip=True), images()
    plain = Teacher(student, 0.9)
    for one in (teacher, plain):
        one.update(student)
    p, steady = teacher(given)
    own, other = plain(given).p, plain(given.flip(-1)).p.flip(-1)
    torch.testing.assert_close(p, (own + other) / 2)
    assert torch.equal(steady, own.argmax(1) == other.argmax(1))
    assert 0 < steady.float().mean() < 1


def test_its_parameters_can_be_given_to_the_student():
    student = model.create(recipe(), 0).train()
    teacher = Teacher(student, 0.5)
    teacher.update(student)
    with torch.no_grad():
        student(images())
        for parameter in student.parameters():
            parameter.add_(1)
    statistics = {name: value.clone() for name, value in student.named_buffers()}
    teacher.give(student)
    for own, other in zip(student.parameters(), teacher.model.parameters(), strict=True):
        assert torch.equal(own, other)
        assert own.requires_grad
    assert all(torch.equal(statistics[name], value) for name, value in student.named_buffers())


def test_a_network_without_batch_norm_has_one_too():
    class Plain(nn.Conv2d):
        def forward(self, given):
            return Outputs(super().forward(given.float() / 255))

    student = Plain(3, 4, 1)
    teacher = Teacher(student, 0.9)
    teacher.update(student)
    torch.testing.assert_close(teacher(images()).p, student(images()).logits.softmax(1))
