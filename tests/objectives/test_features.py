"""Objectives that align features or scores of both sides at once: their terms by hand."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pipeline.domain.taxonomy import IGNORE
from pipeline.domain.windows import WHOLE
from pipeline.model.outputs import covers
from pipeline.runtime.files import BadInput
from pipeline.training import loop
from pipeline.training.adversarial import Level
from pipeline.training.discriminators import DilatedDiscriminator, DroppingDiscriminator
from pipeline.training.recent import Recent
from pipeline.training.reconstruction import Decoder, PatchDiscriminator
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


# --- generate to adapt ---------------------------------------------------------------------


def convolved(layer, maps, stride=1):
    """float64 (N, F, h, w) of a convolution with padding 1, tap by tap."""
    weight = layer.weight.detach().double().numpy()
    padded = np.pad(maps, ((0, 0), (0, 0), (1, 1), (1, 1)))
    size = weight.shape[-1]
    rows, columns = ((side + 2 - size) // stride + 1 for side in maps.shape[2:])
    found = np.zeros((len(maps), len(weight), rows, columns))
    for y, x in np.ndindex(rows, columns):
        window = padded[:, :, stride * y : stride * y + size, stride * x : stride * x + size]
        found[:, :, y, x] = np.einsum("ncij,fcij->nf", window, weight)
    bias = 0 if layer.bias is None else layer.bias.detach().double().numpy()[:, None, None]
    return found + bias


def decoded(made, maps):
    """float64 (N, 3, 4 h, 4 w)."""
    for block in (made.coarse, made.fine):
        maps = convolved(block[0], maps)
        centred = maps - maps.mean((2, 3), keepdims=True)
        maps = centred / np.sqrt(maps.var((2, 3), keepdims=True) + 1e-5)
        maps = np.maximum(maps, 0).repeat(2, 2).repeat(2, 3)
    return np.tanh(convolved(made.colours, maps))


def told_by_hand(made, images):
    """Kinds and classes, float64."""
    for layer in made.body[::2]:
        images = convolved(layer, images, 2)
        images = np.where(images > 0, images, 0.2 * images)
    return [
        np.einsum("nfhw,cf->nchw", images, head.weight[:, :, 0, 0].detach().double().numpy())
        + head.bias.detach().double().numpy()[:, None, None]
        for head in (made.kinds, made.classes)
    ]


def whole(side):
    """float64 (N, 1, HEIGHT, WIDTH), 1 where nothing is padded."""
    return np.stack([~padding(window) for window in side.windows.tolist()])[:, None].astype(float)


def crossed_by_kind(kinds, side, kind):
    log = np.stack([log_softmax(one) for one in kinds])
    return mean(-log[:, kind], side)


@pytest.fixture(scope="module")
def decoding():
    """A step of the objective, what it should see, and the terms that it yields."""
    torch.manual_seed(0)
    network, given = TwoHeads(), batch()
    weights = {"adversarial": 0.2, "semantic": 0.3, "realism": 0.4, "decoder_semantic": 0.5}
    weights |= {"reconstruction": 0.6, "aux": 0.7, "dropout": 0.0, "width": 2}
    made = memory.objective("generate_to_adapt", **weights)
    sides, images = given[:2], []
    for side in sides:
        features = (network(side.images).features * cells(side, 8, 12)).detach().double().numpy()
        fake = decoded(made.modules["decoder"], features) * whole(side)
        images.append([(side.images.double().numpy() / 127.5 - 1) * whole(side), fake])
    judge = made.modules["discriminator"]
    judged_ = [[told_by_hand(judge, each) for each in both] for both in images]
    return network, sides, images, judged_, stepped(made, network, given)


def test_its_terms_are_in_order_and_the_source_is_supervised(decoding):
    network, (source, _), _, _, found = decoding
    terms = ["source", "adversarial", "semantic", "realism", "decoder_semantic", "reconstruction"]
    assert [*found] == [*terms, "told", "told_classes", "accuracy"]
    main, other = network(source.images)[:2]
    expected = crossed(main, source.labels) + 0.7 * crossed(other, source.labels)
    assert found["source"] == pytest.approx(expected, rel=1e-5)


def test_each_kind_of_patch_is_told_from_the_three_others(decoding):
    _, sides, _, judged_, found = decoding
    told, right = 0.0, 0.0
    for at, side in enumerate(sides):
        for kind in (0, 1):
            kinds = judged_[at][kind][0]
            told += crossed_by_kind(kinds, side, 2 * at + kind)
            right += mean(kinds.argmax(1) == 2 * at + kind, side) / 4
    assert found["told"] == pytest.approx(told, rel=1e-4)
    assert found["accuracy"] == pytest.approx(right, rel=1e-4)
    classes = torch.from_numpy(judged_[0][0][1])
    assert found["told_classes"] == pytest.approx(crossed(classes, sides[0].labels), rel=1e-4)


def test_the_decoder_makes_real_images_of_their_own_side_that_keep_their_classes(decoding):
    _, sides, images, judged_, found = decoding
    (one, classes), (other, _) = (both[1] for both in judged_)
    real = crossed_by_kind(one, sides[0], 0) + crossed_by_kind(other, sides[1], 2)
    assert found["realism"] == pytest.approx(0.4 * real, rel=1e-4)
    kept = crossed(torch.from_numpy(classes), sides[0].labels)
    assert found["decoder_semantic"] == pytest.approx(0.5 * kept, rel=1e-4)
    apart = sum(
        (np.abs(real - fake).mean(1, keepdims=True) * whole(side)).sum() / whole(side).sum()
        for side, (real, fake) in zip(sides, images, strict=True)
    )
    assert found["reconstruction"] == pytest.approx(0.6 * apart, rel=1e-4)


def test_the_networks_features_are_to_give_real_images_of_the_other_side(decoding):
    _, sides, _, judged_, found = decoding
    (one, classes), (other, _) = (both[1] for both in judged_)
    swapped = crossed_by_kind(one, sides[0], 2) + crossed_by_kind(other, sides[1], 0)
    assert found["adversarial"] == pytest.approx(0.2 * swapped, rel=1e-4)
    kept = crossed(torch.from_numpy(classes), sides[0].labels)
    assert found["semantic"] == pytest.approx(0.3 * kept, rel=1e-4)


@pytest.mark.parametrize(("made", "count"), [
    (Decoder(64), 9 * (64 * 128 + 128 * 64 + 64 * 3) + 3),
    (PatchDiscriminator(19),
     16 * (3 * 64 + 64 * 128 + 128 * 256) + 64 + 128 + 256 + 257 * (4 + 19)),
], ids=["decoder", "discriminator"])  # fmt: skip
def test_its_modules_parameters_are_counted_by_hand(made, count):
    assert sum(p.numel() for p in made.parameters()) == count


def test_a_decoded_image_is_as_large_as_its_image_and_lies_on_it():
    """Of features of stride 8 that cover more than the image, the last cells are cut off."""
    made, size = Decoder(3, 4, 0.0), torch.Size((29, 44))
    features = torch.zeros(1, 3, 4, 6)
    features[:, :, 2, 1] = 9.0
    over = covers(features, torch.zeros(1, 3, *size), 8)
    found = made(features, size, over)
    assert found.shape == (1, 3, 29, 44)
    assert found.abs().max() <= 1
    apart = (found - made(torch.zeros_like(features), size, over)).abs().sum((0, 1))
    y, x = divmod(int(apart.argmax()), 44)
    assert abs(y - 19.5) < 8
    assert abs(x - 11.5) < 8


def test_a_crop_of_a_single_cell_is_too_small_to_be_decoded():
    with pytest.raises(BadInput, match=r"a crop of 8x8, whose features are one cell.*make it la"):
        Decoder(3)(torch.zeros(2, 3, 1, 1), torch.Size((8, 8)), WHOLE)
