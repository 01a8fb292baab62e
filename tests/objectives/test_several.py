"""Objectives of several sources at once: each term by hand, and what comes of a missing source."""

from itertools import combinations

import numpy as np
import pytest
import torch

from pipeline.domain.batches import Batch
from pipeline.domain.taxonomy import IGNORE
from pipeline.model import model
from pipeline.model.several import with_others, with_second
from pipeline.objectives import collaborative, mdan
from pipeline.runtime.files import BadInput
from pipeline.training import moments, sources
from pipeline.training.adversarial import Seen
from pipeline.training.discriminators import SourceDiscriminators
from tests import memory
from tests.memory import CLASSES, CONTEXT, FEATURES, HEIGHT, WIDTH, TwoHeads, batch, padding
from tests.references import log_softmax, upsample


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def stepped(name, given, network, context=CONTEXT, **options):
    """An objective, and all terms and what is seen of one step."""
    made, found = memory.objective(name, 0, context, **options), {}
    made.progress = 0.5
    for loss in made.losses(network, given):
        found |= {key: term.item() for key, term in {**loss.terms, **loss.seen}.items()}
    return made, found


def logs(maps):
    """log p, float64 (C, HEIGHT, WIDTH), of each image."""
    return [log_softmax(upsample(one, HEIGHT, WIDTH)) for one in maps.detach().numpy()]


def inside(side, height=HEIGHT, width=WIDTH):
    return ~np.stack([padding(window, height, width) for window in side.windows.tolist()])


def crossed(log, labels):
    """The sum of -log p of the label, and how many there are."""
    places = np.argwhere(labels.numpy() != IGNORE)
    return sum(-log[labels[y, x], y, x] for y, x in places), len(places)


def shares(side, rows, columns):
    """How much of each cell is no padding, (N, rows, columns)."""
    blocks = inside(side).reshape(-1, rows, HEIGHT // rows, columns, WIDTH // columns)
    return blocks.mean((2, 4))


def judged(objective, side, features, number):
    """A source's discriminator's logits, float64 (N, h, w)."""
    with torch.no_grad():
        found = objective.modules["discriminator"].own[number](features)
    return found[:, 0].double().numpy()


def bce(logits, aim):
    return np.logaddexp(0, -logits if aim else logits)


def square(logits, aim):
    return (logits - aim) ** 2


def told(objective, given, network, number, error=bce, aims=(1, 0)):
    """The loss of a source's discriminator on its images and the target's, cell by cell."""
    total = 0
    for side, aim in zip((given.source, given.target), aims, strict=True):
        own = side.origins == number if side is given.source else torch.ones(len(side.images)) > 0
        each = error(judged(objective, side, network(side.images).features, number), aim)
        counts = shares(side, *each.shape[1:])
        total += (each * counts)[own].sum() / counts[own].sum()
    return total


# --- sums by source ------------------------------------------------------------------------


def test_means_are_those_of_each_source():
    totals, counts = torch.rand(6, 2, 3), torch.rand(6, 2)
    origins = torch.tensor([0, 2, 0, 2, 2, 0])
    found, there = sources.means(totals, counts, origins, 3)
    assert there.tolist() == [[True] * 2, [False] * 2, [True] * 2]
    assert not found[1].any()
    for source in (0, 2):
        for place in range(2):
            own = [n for n in range(6) if origins[n] == source]
            total = sum(totals[n, place] for n in own) / sum(counts[n, place] for n in own)
            torch.testing.assert_close(found[source, place], total)


@pytest.mark.parametrize("error", [bce, square])
def test_a_source_is_told_from_the_target_by_its_own_discriminator(error):
    network, given = TwoHeads(), batch()
    made = memory.objective("mdan")
    seen = [
        sources.features_of(network(side.images), side) for side in (given.source, given.target)
    ]
    kind = {"error": torch.nn.functional.mse_loss} if error is square else {}
    found, right = sources.told(made.modules["discriminator"], *seen, given.source.origins, **kind)
    expected = [told(made, given, network, number, error) for number in range(2)]
    assert found.tolist() == pytest.approx(expected, rel=1e-4)
    limit, sums = 0.5 if error is square else 0, [0, 0, 0, 0]
    for number in range(2):
        for place, side in enumerate((given.source, given.target)):
            answers = judged(made, side, network(side.images).features, number) > limit
            weight = shares(side, *answers.shape[1:])
            if place == 0:
                weight = weight * (side.origins == number).numpy()[:, None, None]
            sums[place] += ((answers if place == 0 else ~answers) * weight).sum()
            sums[place + 2] += weight.sum()
    assert right.item() == pytest.approx((sums[0] / sums[2] + sums[1] / sums[3]) / 2, rel=1e-4)


def test_each_discriminator_moves_by_its_own_source_and_the_target_alone():
    heads, features = SourceDiscriminators(FEATURES, 2), torch.randn(3, FEATURES, 4, 6)
    seen = Seen(features, torch.ones(3, 8, 12, dtype=torch.bool))
    found, _ = sources.told(heads, seen, seen, torch.tensor([0, 0, 1]))
    found[1].backward()
    moved = [
        any(p.grad is not None and p.grad.any() for p in own.parameters()) for own in heads.own
    ]
    assert moved == [False, True]


# --- mdan ----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["soft", "hard"])
def test_mdan_makes_the_worst_risk_small(form):
    network, given = TwoHeads(), batch()
    options = {"form": form, "adversarial": 0.3, "gamma": 2.0, "aux": 0.4}
    made, found = stepped("mdan", given, network, **options)
    risks = []
    for number in range(2):
        total, apart = 0, told(made, given, network, number)
        own = given.source.origins.tolist().index(number)
        for maps, share in zip(network(given.source.images)[:2], (1, 0.4), strict=True):
            loss, count = crossed(logs(maps)[own], given.source.labels[own])
            total += share * loss / count
        assert found[f"source_{number}"] == pytest.approx(total, rel=1e-4)
        risks.append(total - 0.3 * apart)
    expected = max(risks) if form == "hard" else np.log(np.exp(2 * np.array(risks)).sum()) / 2
    assert found["risk"] == pytest.approx(expected, rel=1e-4)
    both = [told(made, given, network, number) for number in range(2)]
    assert found["told"] == pytest.approx(sum(both) / 4, rel=1e-4)


def test_mdans_soft_form_is_finite_where_exponentials_are_not():
    risks = torch.tensor([50.0, 49.0, 2.0], requires_grad=True)
    assert not (10 * risks).exp().sum().isfinite()
    found = mdan.bound(risks, torch.tensor([True] * 3), "soft", 10.0)
    assert found.item() == pytest.approx(50, abs=1e-3)
    found.backward()
    assert risks.grad.tolist() == pytest.approx([1, np.exp(-10), 0], abs=1e-4)


@pytest.mark.parametrize("form", ["soft", "hard"])
def test_a_source_without_a_label_in_the_batch_is_no_risk(form):
    risks = torch.tensor([1.0, 7.0])
    one = mdan.bound(risks, torch.tensor([True, False]), form, 10.0)
    assert one.item() == pytest.approx(1, abs=1e-6)
    assert mdan.bound(risks, torch.tensor([False, False]), form, 10.0).isfinite()


def test_mdans_network_makes_sources_harder_to_tell():
    made, given = memory.objective("mdan", adversarial=1.0), batch()
    network = memory.start(made)
    stepper = torch.optim.SGD(network.parameters(), 0.02)
    before = domains(made, network, given)
    for _ in range(8):
        stepper.zero_grad()
        next(made.losses(network, given)).terms["risk"].backward()
        stepper.step()
    assert domains(made, network, given) > before + 0.01


@torch.no_grad()
def domains(made, network, given):
    seen = [
        sources.features_of(network(side.images), side) for side in (given.source, given.target)
    ]
    return sources.told(made.modules["discriminator"], *seen, given.source.origins)[0].sum().item()


# --- moment matching -----------------------------------------------------------------------


def distance(features, origins, others):
    """MD^2 of features (N, F) of sources and (N, F) of the target: equation 1, pair by pair."""
    total, count = 0.0, int(origins.max()) + 1
    for power in (1, 2):
        mean = [(features[origins == i].double() ** power).mean(0) for i in range(count)]
        target = (others.double() ** power).mean(0)
        total += sum((own - target).norm() for own in mean) / count
        pairs = [(mean[i] - mean[j]).norm() for i, j in combinations(range(count), 2)]
        total += 2 / (count * (count - 1)) * sum(pairs)
    return float(total)


def measured(features, origins, others):
    """The same by the project's code, each row a sample of its own."""
    found = 0.0
    for power in (1, 2):
        one, other = (
            moments.moment(rows[:, :, None], torch.ones(len(rows), 1, 1), power, own, count)
            for rows, own, count in (
                (features, origins, int(origins.max()) + 1),
                (others, torch.zeros(len(others)).long(), 1),
            )
        )
        found += moments.distance(one, other).item()
    return found


@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_distance_is_the_papers(count):
    features, others = torch.randn(12, FEATURES) + 1, torch.randn(7, FEATURES)
    origins = torch.arange(12) % count
    expected = distance(features, origins, others)
    assert measured(features, origins, others) == pytest.approx(expected, rel=1e-5)


def test_two_numbers_by_hand():
    """Means 1 and 3, the target's 2; of squares 1, 9 and 4: (1 + 1)/2 + 2 and (3 + 5)/2 + 8."""
    features, origins = torch.tensor([[1.0], [3.0]]), torch.tensor([0, 1])
    assert measured(features, origins, torch.tensor([[2.0]])) == pytest.approx(3 + 12)


def test_permuted_batches_have_no_distance_and_shifted_ones_have():
    rows = torch.randn(6, FEATURES)
    features = torch.cat([rows, rows[torch.randperm(6)]])
    origins, others = torch.arange(12) // 6, rows[torch.randperm(6)]
    assert measured(features, origins, others) == pytest.approx(0, abs=1e-5)
    assert measured(features + (origins == 1)[:, None], origins, others) > 1
    assert measured(features, origins, others + 1) > 1


def test_every_pair_of_domains_is_compared_once():
    """Of four sources and a target, one feature each; a domain's own distance is one to all."""
    rows = torch.zeros(4, 1)
    for number in range(4):
        moved = rows.clone()
        moved[number] = 1.0  # both moments are 1 there, and 0 elsewhere
        found = measured(moved, torch.arange(4), torch.zeros(1, 1))
        assert found == pytest.approx(2 * (1 / 4 + 3 / 6))
    assert measured(rows, torch.arange(4), torch.ones(1, 1)) == pytest.approx(2)


def grown(side, network, samples, target):
    """Rows (P, F) of a side's samples by their weights (P, K), and their origins."""
    with torch.no_grad():
        outputs = network(side.images)
    features, labels = outputs.features.double().numpy(), side.labels.numpy()
    if target:
        labels = np.stack([log.argmax(0) for log in logs(outputs.logits)])
    rows, counts, origins = [], [], []
    high, wide = HEIGHT // features.shape[2], WIDTH // features.shape[3]
    for n, y, x in np.ndindex(len(features), *features.shape[2:]):
        block = np.s_[n, y * high : (y + 1) * high, x * wide : (x + 1) * wide]
        kept = inside(side)[block] & (labels[block] != IGNORE)
        each = [(kept & (labels[block] == c)).mean() for c in range(CLASSES)]
        rows.append(features[n, :, y, x])
        counts.append(each if samples == "classes" else [inside(side)[block].mean()])
        origins.append(0 if target else int(side.origins[n]))
    rows, counts, origins = np.array(rows), np.array(counts), np.array(origins)
    if samples == "images":
        per = len(rows) // len(features)
        whole = [np.average(rows[i : i + per], 0, counts[i : i + per, 0])
                 for i in range(0, len(rows), per)]  # fmt: skip
        return np.array(whole), np.ones((len(whole), 1)), origins[::per]
    return rows, counts, origins


@pytest.mark.parametrize("samples", ["images", "cells", "classes"])
def test_moment_matchings_terms(samples):
    network, given = TwoHeads(), batch()
    _, found = stepped("moment_matching", given, network, samples=samples, moments=0.7, aux=0.2)
    own = grown(given.source, network, samples, False)
    rows, counts, _ = grown(given.target, network, samples, True)
    total = 0.0
    for power in (1, 2):
        means = {}
        for place in range(counts.shape[1]):
            for number in range(2):
                picked = own[2] == number
                if own[1][picked, place].sum() > 0:
                    means[number, place] = np.average(
                        own[0][picked] ** power, 0, own[1][picked, place]
                    )
            if counts[:, place].sum() > 0:
                means["target", place] = np.average(rows**power, 0, counts[:, place])
        pairs = {"target": [(0, "target"), (1, "target")], "each": [(0, 1)]}
        for kind in pairs.values():
            places = [((a, k), (b, k)) for a, b in kind for k in range(counts.shape[1])]
            gaps = [np.linalg.norm(means[a] - means[b]) for a, b in places if {a, b} <= {*means}]
            total += np.mean(gaps)
    assert found["moments"] == pytest.approx(0.7 * total, rel=1e-4)
    main, other = network(given.source.images)[:2]
    labels = given.source.labels
    sums = [
        sum(crossed(log, own)[0] for log, own in zip(logs(maps), labels, strict=True))
        for maps in (main, other)
    ]
    source = (sums[0] + 0.2 * sums[1]) / int((labels != IGNORE).sum())
    assert found["source"] == pytest.approx(source, rel=1e-5)


def test_moments_move_the_network_on_all_paths():
    """Its features of each source and of the target have a gradient."""
    network, given = TwoHeads(), batch()
    seen = []
    pass_ = network.forward

    def kept(images):
        outputs = pass_(images)
        features = outputs.features.detach().requires_grad_()
        seen.append(features)
        return outputs._replace(features=features)

    network.forward = kept
    made = memory.objective("moment_matching")
    next(made.losses(network, given)).terms["moments"].backward()
    assert [len(each) for each in seen] == [2, 3]
    for features in seen:
        assert all(one.abs().sum() > 0 for one in features.grad)


def test_moment_matching_with_a_classifier_of_each_source():
    made = memory.objective("moment_matching", classifiers=True)
    assert made.classifiers == CONTEXT["sources"]
    network, given = TwoHeads(shares=[0.5, 0.5]), batch()
    _, found = stepped("moment_matching", given, network, classifiers=True)
    assert found["source"] == pytest.approx(by_own(network, given.source), rel=1e-5)
    assert memory.objective("moment_matching").classifiers == 1


def by_own(network, side):
    """The cross-entropy of each image by its own source's head."""
    maps, total, count = network(side.images).each, 0, 0
    for n, origin in enumerate(side.origins.tolist()):
        loss, pixels = crossed(logs(maps[origin])[n], side.labels[n])
        total, count = total + loss, count + pixels
    return total / count


def test_the_target_counts_as_the_class_that_is_predicted():
    network, given = TwoHeads(), batch()
    found = sources.predicted(network(given.target.images), given.target)
    expected = np.stack([log.argmax(0) for log in logs(network(given.target.images).logits)])
    assert (found.numpy() == expected).mean() > 0.999


# --- deep cocktail -------------------------------------------------------------------------


@pytest.mark.parametrize("sure", [0.0, 0.77])
def test_deep_cocktails_terms(sure):
    given, network = batch(), TwoHeads(shares=[0.3, 0.7])
    options = {"sure": sure, "target": 0.6, "adversarial": 0.4, "pace": 0.2}
    made, found = stepped("deep_cocktail", given, network, **options)
    assert found["source"] == pytest.approx(by_own(network, given.source), rel=1e-5)
    each = [logs(maps) for maps in network(given.target.images).each]
    total, count = 0.0, 0
    mixed = sum(share * maps.softmax(1) for share, maps in
                zip((0.3, 0.7), network(given.target.images).each, strict=True))  # fmt: skip
    full = [upsample(one, HEIGHT, WIDTH) for one in mixed.detach().numpy()]
    for n, p in enumerate(full):
        kept = (p.max(0) >= sure) & inside(given.target)[n]
        for y, x in np.argwhere(kept):
            total -= sum(log[n][p[:, y, x].argmax(), y, x] for log in each) / 2
            count += 1
    assert count > 0
    assert (count == inside(given.target).sum()) == (sure == 0)
    assert found["target"] == pytest.approx(0.6 * total / count, rel=1e-3)
    errors = [told(made, given, network, number, square) for number in range(2)]
    assert found["told"] == pytest.approx(sum(errors) / 4, rel=1e-4)
    hardest = int(np.argmax(errors))
    confused = told(made, given, network, hardest, square, (0.5, 0.5))
    assert found["adversarial"] == pytest.approx(0.4 * confused / 2, rel=1e-4)
    nearer = errors[0] / sum(errors)
    assert network.shares.tolist() == pytest.approx(
        [0.3 + 0.2 * (nearer - 0.3), 0.7 + 0.2 * (1 - nearer - 0.7)], rel=1e-5
    )
    assert found["share_0"] == pytest.approx(network.shares[0].item())


def test_nothing_is_sure_enough_and_nothing_is_taught():
    _, found = stepped("deep_cocktail", batch(), TwoHeads(shares=[0.5, 0.5]), sure=1.0)
    assert found["target"] == 0


@pytest.mark.parametrize("asked", [{"classifiers": 3}, {"networks": 3}])
def test_a_model_of_several_classifiers_begins_as_it_was_and_is_an_ordinary_file(asked, tmp_path):
    plain = model.create(memory.recipe(), 0).eval()
    made, images = with_others(plain, **asked).eval(), batch().target.images
    with torch.no_grad():
        before, after = plain(images), made(images)
    torch.testing.assert_close(after.logits, before.logits.log_softmax(1))
    assert len(after.each) == 3
    for number, part in enumerate(made.others):
        torch.nn.init.normal_(next(part.parameters()), std=number + 0.5)
    made.shares.copy_(torch.tensor([0.2, 0.3, 0.5]))
    path = tmp_path / "made.pt"
    model.save(path, made)
    found = model.load(path).eval()
    with torch.no_grad():
        outputs = found(images)
        assert torch.equal(outputs.logits, made(images).logits)
    expected = sum(share * maps.softmax(1) for share, maps in
                   zip((0.2, 0.3, 0.5), outputs.each, strict=True))  # fmt: skip
    torch.testing.assert_close(outputs.logits.exp(), expected)
    assert not torch.allclose(outputs.each[1], outputs.each[2])


def test_files_of_models_without_them_are_what_they_were(tmp_path):
    model.save(tmp_path / "plain.pt", model.create(memory.recipe(), 0))
    content = torch.load(tmp_path / "plain.pt", weights_only=True)
    assert not {"classifiers", "networks", "mean"} & content["recipe"].keys()
    assert "shares" not in content["weights"]


@pytest.mark.parametrize("asked", [{"classifiers": 2}, {"networks": 2}])
def test_all_of_a_models_classifiers_are_heads(asked):
    made = with_others(model.create(memory.recipe(), 0), **asked)
    own = [name for name, _ in made.named_parameters() if name.startswith(made.heads)]
    alone = len([n for n, _ in made.network.named_parameters()
                 if n.startswith(type(made.network).heads)])  # fmt: skip
    assert len([name for name in own if name.startswith("network.")]) == alone
    assert any(name.startswith("others.") for name in own)
    if "networks" in asked:
        assert len(own) == 2 * alone


def test_a_model_has_the_classifiers_of_one_objective():
    plain = model.create(memory.recipe(), 0)
    several = with_others(plain, classifiers=2)
    for refused in (
        lambda: with_second(several, 0),
        lambda: with_others(several, networks=2),
        lambda: with_others(several, classifiers=2),
        lambda: with_others(several, classifiers=3),
        lambda: with_others(with_second(plain, 0), classifiers=2),
    ):
        with pytest.raises(BadInput, match="has several classifiers, and does not know which"):
            refused()


# --- collaborative -------------------------------------------------------------------------


def test_collaboratives_terms():
    given, network = batch(), TwoHeads(shares=[0.5, 0.5])
    _, found = stepped("collaborative", given, network, agree=0.4, target=0.8)
    assert found["source"] == pytest.approx(by_own(network, given.source), rel=1e-5)
    each = [logs(maps) for maps in network(given.source.images).each]
    total, count = 0.0, 0
    for n, origin in enumerate(given.source.origins.tolist()):
        for y, x in np.argwhere(inside(given.source)[n]):
            own, other = (each[i][n][:, y, x] for i in (origin, 1 - origin))
            total, count = total + (np.exp(own) * (own - other)).sum(), count + 1
    assert found["agree"] == pytest.approx(0.4 * total / count, rel=1e-4)
    outputs, total, count = network(given.target.images), 0.0, 0
    mean, each = logs(outputs.logits), [logs(maps) for maps in outputs.each]
    for n, y, x in np.argwhere(inside(given.target)):
        q = mean[n][:, y, x]
        total += sum((np.exp(q) * (q - log[n][:, y, x])).sum() for log in each) / 2
        count += 1
    assert found["target"] == pytest.approx(0.8 * 0.5 * total / count, rel=1e-4)


def test_who_teaches_is_not_moved():
    given, network = batch(), TwoHeads(shares=[0.5, 0.5])
    outputs = network(given.source.images)
    first = torch.zeros(2).long()
    collaborative.divergence(sources.own_logits(outputs, first), outputs, given.source).backward()
    assert network.main.weight.grad.abs().max() < 1e-6 < network.other.weight.grad.abs().max()


def test_only_sources_that_there_are_are_asked_for():
    """A batch's side in other hands: the second source alone."""
    given = batch()
    only = given.source._replace(origins=torch.ones(2).long())
    _, found = stepped("mdan", Batch(only, given.target), TwoHeads(), gamma=0.1)
    assert 0 < found["risk"] < found["source_1"]  # with a risk of 0 of the first it would be more
    _, found = stepped("moment_matching", Batch(only, given.target), TwoHeads(), moments=1.0)
    (x, counts, _), (t, others, _) = (
        grown(side, TwoHeads(), "images", side is given.target) for side in (only, given.target)
    )
    apart = [np.average(x**k, 0, counts[:, 0]) - np.average(t**k, 0, others[:, 0]) for k in (1, 2)]
    assert found["moments"] == pytest.approx(sum(map(np.linalg.norm, apart)), rel=1e-4)


# --- madan ---------------------------------------------------------------------------------


def test_madan_aligns_every_cell_or_those_of_each_class():
    network, given = TwoHeads(), batch()
    main, other = network(given.source.images)[:2]
    guessed = sources.predicted(network(given.target.images), given.target)
    known = {"source": given.source.labels, "target": guessed}
    for by_class in (False, True):
        made, found = stepped(
            "madan", given, network, by_class=by_class, adversarial=0.5, aux=0.3, width=4
        )
        total, pixels = 0.0, 0
        for maps, weight in ((main, 1.0), (other, 0.3)):
            for log, labels in zip(logs(maps), given.source.labels, strict=True):
                part, count = crossed(log, labels)
                total, pixels = total + weight * part, pixels + weight * count
        assert found["source"] == pytest.approx(total / (pixels / 1.3), rel=1e-5)
        sums = {}
        for name, aim in (("source", 1), ("target", 0), ("target", 1)):
            side = getattr(given, name)
            with torch.no_grad():
                maps = made.modules["discriminator"](network(side.images).features).numpy()
            own = [*of_classes(side, known[name], *maps.shape[2:])] if by_class else [
                shares(side, *maps.shape[2:])
            ]  # fmt: skip
            assert maps.shape[1] == len(own)
            each = [(bce(maps[:, k].astype(float), aim) * w).sum() / w.sum()
                    for k, w in enumerate(own) if w.sum()]  # fmt: skip
            sums[name, aim] = sum(each) / len(each)
        assert found["adversarial"] == pytest.approx(0.5 * sums["target", 1], rel=1e-4)
        told = (sums["source", 1] + sums["target", 0]) / 2
        assert found["told"] == pytest.approx(told, rel=1e-4)


def of_classes(side, labels, rows, columns):
    """Of each class, how much of each cell is of it and no padding, (N, rows, columns)."""
    within = inside(side)
    for number in range(CLASSES):
        blocks = ((labels.numpy() == number) & within).reshape(
            -1, rows, HEIGHT // rows, columns, WIDTH // columns
        )
        yield blocks.mean((2, 4))
