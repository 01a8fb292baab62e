"""Objectives that align features or scores of both sides at once: their terms by hand."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pipeline.domain.taxonomy import IGNORE
from pipeline.training import loop
from pipeline.training.adversarial import Level
from pipeline.training.discriminators import DilatedDiscriminator, DroppingDiscriminator
from pipeline.training.recent import Recent
from tests import memory
from tests.memory import FEATURES, HEIGHT, WIDTH, TwoHeads, batch, padding
from tests.references import log_softmax, upsample


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def stepped(made, network, given):
    """All terms and what is seen of one step, by their name."""
    torch.manual_seed(0)  # of dropout, as the loop does
    return {
        key: term.item()
        for loss in made.losses(network, given)
        for key, term in {**loss.terms, **loss.seen}.items()
    }


def crossed(maps, labels):
    """The mean of -log p of the label, pixel by pixel."""
    log = np.stack([log_softmax(upsample(one, HEIGHT, WIDTH)) for one in maps.detach().numpy()])
    places = np.argwhere(labels.numpy() != IGNORE)
    return sum(-log[n, labels[n, y, x], y, x] for n, y, x in places) / len(places)


def shares(side, rows, columns):
    """How much of each cell is no padding, (N, rows, columns)."""
    within = ~np.stack([padding(window) for window in side.windows.tolist()])
    blocks = within.reshape(-1, rows, HEIGHT // rows, columns, WIDTH // columns)
    return blocks.mean((2, 4))


def cells(side, rows, columns):
    """float (N, 1, rows, columns): 1 where a cell's centre is no padding."""
    within = [~padding(window, rows, columns) for window in side.windows.tolist()]
    return torch.from_numpy(np.stack(within)).float()[:, None]


def mean(each, side):
    """Of (N, h, w), each cell by how much of it is no padding."""
    weights = shares(side, *each.shape[1:])
    return (each * weights).sum() / weights.sum()


def bce(logits, aim):
    return np.logaddexp(0, -logits if aim else logits)


@torch.no_grad()
def judged(discriminator, maps):
    """float64 (N, h, w)."""
    return discriminator(maps)[:, 0].double().numpy()


# --- fcan ----------------------------------------------------------------------------------


def by_hand(discriminator, features):
    """Each cell's logit, tap by tap; beyond the map there is nothing."""
    features = features.detach().double().numpy()
    n, _, rows, columns = features.shape
    hidden = []
    for rate, branch in enumerate(discriminator.branches, 1):
        weight, bias = (p.detach().double().numpy() for p in branch.parameters())
        found = np.zeros((n, len(bias), rows, columns)) + bias[:, None, None]
        for y, x in np.ndindex(rows, columns):
            for i, j in np.ndindex(3, 3):
                at = y + rate * (i - 1), x + rate * (j - 1)
                if 0 <= at[0] < rows and 0 <= at[1] < columns:
                    found[:, :, y, x] += features[:, :, at[0], at[1]] @ weight[:, :, i, j].T
        hidden.append(np.where(found > 0, found, 0.2 * found))
    weight, bias = (p.detach().double().numpy() for p in discriminator.joined.parameters())
    return np.einsum("nfhw,f->nhw", np.concatenate(hidden, 1), weight[0, :, 0, 0]) + bias[0]


def test_rans_discriminator_tap_by_tap():
    made, features = DilatedDiscriminator(3, 4, 2), torch.randn(2, 3, 7, 9)
    assert [branch.dilation for branch in made.branches] == [(rate, rate) for rate in (1, 2, 3, 4)]
    found = made(features)
    assert found.shape == (2, 1, 7, 9)
    assert np.abs(found[:, 0].detach().numpy() - by_hand(made, features)).max() < 1e-5


@pytest.mark.parametrize(("channels", "options", "count"), [
    (2048, (), 4 * (9 * 2048 * 128 + 128) + 4 * 128 + 1),
    (64, (2, 16), 2 * (9 * 64 * 16 + 16) + 2 * 16 + 1),
])  # fmt: skip
def test_its_parameters_are_counted_by_hand(channels, options, count):
    found = sum(p.numel() for p in DilatedDiscriminator(channels, *options).parameters())
    assert found == count


def test_fcans_terms_are_one_minimax():
    network, given = TwoHeads(), batch()
    made = memory.objective("fcan", segmentation=3.0, aux=0.3, branches=2, width=4)
    found = stepped(made, network, given)
    assert [*found] == ["source", "adversarial", "told", "accuracy"]
    main, other = network(given.source.images)[:2]
    source = crossed(main, given.source.labels) + 0.3 * crossed(other, given.source.labels)
    assert found["source"] == pytest.approx(3 * source, rel=1e-5)
    judge = made.modules["discriminator"]
    one, two = (
        by_hand(judge, network(side.images).features * cells(side, 8, 12)) for side in given[:2]
    )
    apart = (mean(bce(one, 1), given.source) + mean(bce(two, 0), given.target)) / 2
    assert found["told"] == pytest.approx(apart, rel=1e-4)
    assert found["adversarial"] == pytest.approx(-apart, rel=1e-4)
    right = (mean(one > 0, given.source) + mean(two <= 0, given.target)) / 2
    assert found["accuracy"] == pytest.approx(right, rel=1e-4)


def test_by_default_a_source_loss_counts_five_times():
    network, given = TwoHeads(), batch()
    found = stepped(memory.objective("fcan", aux=0.0), network, given)
    expected = 5 * crossed(network(given.source.images).logits, given.source.labels)
    assert found["source"] == pytest.approx(expected, rel=1e-5)


def test_fcans_network_is_moved_by_the_features_of_both_sides():
    network, given, seen = TwoHeads(), batch(), []
    pass_ = network.forward

    def kept(images):
        outputs = pass_(images)
        seen.append(outputs.features.requires_grad_())
        return outputs

    network.forward = kept
    next(memory.objective("fcan").losses(network, given)).terms["adversarial"].backward()
    assert all(features.grad.any() for features in seen)
    assert seen[0].shape[1] == FEATURES
    assert F.cosine_similarity(*(features.grad.mean((0, 2, 3)) for features in seen), dim=0) < 0


# --- adda ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("channels", "options", "count"), [
    (19, (), 19 * 512 + 512 + 512 * 256 + 256 + 256 + 1),
    (4096, (1024,), 4096 * 1024 + 1024 + 1024 * 512 + 512 + 512 + 1),
    (3, (1,), 3 + 1 + 1 + 1 + 1 + 1),
])  # fmt: skip
def test_addas_discriminator_is_cycadas(channels, options, count):
    made = DroppingDiscriminator(channels, *options)
    assert sum(p.numel() for p in made.parameters()) == count
    assert [layer.p for layer in made if isinstance(layer, nn.Dropout2d)] == [0.5, 0.5]
    assert all(layer.kernel_size == (1, 1) for layer in made if isinstance(layer, nn.Conv2d))


@pytest.mark.parametrize("of", ["scores", "features"])
def test_addas_terms(of):
    network, given = TwoHeads(), batch()
    made = memory.objective("adda", of=of, adversarial=0.4, aux=0.3, dropout=0.0, width=6)
    found = stepped(made, network, given)
    assert [*found] == ["told", "accuracy", "recent", "source", "adversarial"]
    main, other = network(given.source.images)[:2]
    source = crossed(main, given.source.labels) + 0.3 * crossed(other, given.source.labels)
    assert found["source"] == pytest.approx(source, rel=1e-5)
    place, judge = {"scores": 0, "features": 2}[of], made.modules["discriminator"]
    one, two = (judged(judge, network(side.images)[place]) for side in given[:2])
    told = (mean(bce(one, 1), given.source) + mean(bce(two, 0), given.target)) / 2
    assert found["told"] == pytest.approx(told, rel=1e-4)
    assert found["adversarial"] == pytest.approx(0.4 * mean(bce(two, 1), given.target), rel=1e-4)
    right = (mean(one > 0, given.source) + mean(two <= 0, given.target)) / 2
    assert found["accuracy"] == pytest.approx(right, rel=1e-4)
    assert found["recent"] == found["accuracy"]


def test_a_mean_of_the_last_values_forgets_older_ones():
    made, values = Recent(3), [0.5, 0.9, 0.1, 0.8, 1.0]
    found = [made(torch.tensor(value)).item() for value in values]
    expected = [np.mean(values[max(0, i - 2) : i + 1]) for i in range(5)]
    assert found == pytest.approx(expected)


def test_the_network_moves_only_while_there_is_something_to_tell(fabric, monkeypatch):
    """The accuracies are given: of 0.9, 0.5, 0.3 and 0.8 the means of two are below 0.6 twice."""
    accuracies = iter([0.9, 0.5, 0.3, 0.8])
    told = Level.told

    def given_(level):
        return told(level)._replace(seen={"accuracy": torch.tensor(next(accuracies))})

    monkeypatch.setattr(Level, "told", given_)
    made = memory.objective("adda", least=0.6, window=2)
    own = made.modules["discriminator"]
    network, before, logged = memory.start(made), [], []

    def kept(step, values):
        logged.append(values)
        before.append([[p.clone() for p in of.parameters()] for of in (network, own)])

    kept(-1, {})
    loop.train(network, made, [batch()] * 4, 4, memory.params(), fabric, kept)
    assert [v["recent"] for v in logged[1:]] == pytest.approx([0.9, 0.7, 0.4, 0.55])
    moved = [
        [not all(map(torch.equal, *sides)) for sides in zip(*pair, strict=True)]
        for pair in pairwise(before)
    ]
    assert moved == [[True, True], [True, True], [False, True], [False, True]]
    assert len({tuple(values) for values in logged[1:]}) == 1  # columns of the curve, in one order
