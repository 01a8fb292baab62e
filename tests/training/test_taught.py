"""Labels of a teacher and what they weigh, against loops over pixels."""

import numpy as np
import pytest
import torch

from pipeline.domain.taxonomy import IGNORE
from pipeline.model.outputs import Outputs
from pipeline.runtime import parts
from pipeline.training import taught
from pipeline.training.taught import Labels, MovingPrior
from tests.references import log_softmax, upsample

N, C, H, W = 3, 4, 5, 6


@pytest.fixture
def p():
    rng = torch.Generator().manual_seed(0)
    return (3 * torch.randn(N, C, H, W, generator=rng)).softmax(1)


@pytest.fixture
def within():
    found = torch.ones(N, H, W, dtype=torch.bool)
    found[0, :2] = found[2, :, 4:] = False
    return found


def pixels():
    return np.ndindex(N, H, W)


def test_a_batch_has_one_weight(p, within):
    found = taught.by_batch(p, within, 0.8)
    sure = [p[n, :, y, x].max() >= 0.8 for n, y, x in pixels() if within[n, y, x]]
    assert 0.1 < np.mean(sure) < 0.9
    torch.testing.assert_close(found.weights, torch.full((N, H, W), float(np.mean(sure))))
    assert torch.equal(found.labels, p.argmax(1))


def test_a_pixel_weighs_by_itself(p):
    found = taught.by_pixel(p, 0.8)
    assert 0 < found.weights.mean() < 1
    for n, y, x in pixels():
        assert found.weights[n, y, x] == float(p[n, :, y, x].max() >= 0.8)
        assert found.labels[n, y, x] == p[n, :, y, x].argmax()


def test_a_sureness_that_none_has_weighs_nothing(p, within):
    for found in (taught.by_batch(p, within, 1.1), taught.by_pixel(p, 1.1)):
        assert not found.weights.any()


def test_the_rounds_thresholds_choose_as_its_labeler_does(p):
    k = torch.tensor([0.05, 0.9, 0.3, 2.0])
    found = taught.by_thresholds(p, k)
    labeler = parts.find("labelers", "cbst")(classes=C, portion=0.5)
    for n in range(N):
        logits = p[n].log().numpy().astype(np.float32)
        made = labeler.label(logits, H, W, k.numpy(), (0.0, 0.0, 1.0, 1.0)).labels
        own = torch.where(found.weights[n] > 0, found.labels[n], IGNORE)
        assert np.array_equal(made, own)
    assert 0.1 < found.weights.mean() < 0.9
    assert not torch.equal(found.labels, p.argmax(1))


def test_a_moving_prior_against_its_restatement(p, within):
    """DA-SAC's formulas, number by number, over three batches."""
    made, chi = MovingPrior(C), np.full(C, 1 / C)
    made.chi[:] = torch.tensor([0.6, 1e-4, 1e-3, 0.3])
    chi[:] = made.chi
    passed = 0
    for batch in range(3):
        q = p.roll(batch, 1)
        found = made(q, within)
        own = [q[n][:, within[n]].double().mean(1).numpy() for n in range(N)]
        chi = 0.99 * chi + 0.01 * np.mean(own, 0)
        np.testing.assert_allclose(made.chi, chi, rtol=1e-5)
        for n, y, x in pixels():
            c = int(q[n, :, y, x].argmax())
            largest = q[n, c][within[n]].max().item()
            threshold = max(0.2, 0.75 * largest * (1 - np.exp(-chi[c] / 1e-3)))
            most = q[n, c, y, x].item()
            expected = (1 - chi[c]) ** 3 * most if most >= threshold else 0
            assert found.weights[n, y, x].item() == pytest.approx(expected, rel=1e-4)
            assert found.labels[n, y, x] == c
            passed += expected > 0
    assert 0.2 < passed / (3 * N * H * W) < 0.95


def test_a_moving_prior_is_kept_in_its_state():
    assert MovingPrior(C).state_dict()["chi"].tolist() == [1 / C] * C


def test_labels_where_others_are_given(p):
    found, mask = taught.by_pixel(p, 2.0), torch.zeros(N, H, W, dtype=torch.bool)
    mask[1, 2, 3] = True
    given = torch.full((N, H, W), 9)
    both = found.where(mask, given)
    assert both.labels[1, 2, 3] == 9
    assert both.weights[1, 2, 3] == both.weights.sum() == 1
    assert torch.equal(both.labels[~mask], found.labels[~mask])


@pytest.mark.parametrize("aux", [0.0, 0.3])
def test_the_loss_is_the_weighted_sum_over_all_pixels(aux):
    rng = torch.Generator().manual_seed(1)
    main, other = (torch.randn(N, C, 3, 2, generator=rng) for _ in range(2))
    labels = torch.randint(0, C, (N, H, W), generator=rng)
    labels[0, 0] = IGNORE
    weights = torch.rand(N, H, W, generator=rng)
    given = Labels(labels, weights)
    found, own = taught.loss(Outputs(main, other), given, torch.tensor(77), aux)
    expected = 0.0
    for maps, times in ((main, 1.0), (other, aux)):
        log = np.stack([log_softmax(upsample(m, H, W)) for m in maps.double().numpy()])
        for n, y, x in pixels():
            if labels[n, y, x] != IGNORE:
                expected -= times * weights[n, y, x].item() * log[n, labels[n, y, x], y, x]
    assert found.item() == pytest.approx(expected / 77, rel=1e-5)
    classes = np.stack([upsample(m, H, W).argmax(0) for m in main.double().numpy()])
    assert np.array_equal(own, classes)
    agreed = [classes[at] == labels[at] for at in pixels() if weights[at] > 0.5 and labels[at] < C]
    got = taught.agreement(own, given, weights > 0.5)
    assert got.item() == pytest.approx(np.mean(agreed))


def test_shares_are_of_the_pixels_that_count(p, within):
    of = p.argmax(1) == 1
    expected = np.mean([of[at].item() for at in pixels() if within[at]])
    assert taught.share(of, within).item() == pytest.approx(expected)
    assert taught.share(of, torch.zeros_like(within)) == 0
